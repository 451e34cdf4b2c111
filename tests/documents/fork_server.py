"""`voxanne` without its start: a process that has loaded it forks for each call. No test in here.

What runs is the command line as it is, in a process of its own, with the caller's arguments,
directory, environment and streams; only loading it, a second or two, is done once. `parsed` in
place of `voxanne` reads the arguments, by the same rules, and carries nothing out.

    python -m tests.documents.fork_server SOCKET
"""

import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

import click

# The caller's side: its own interpreter starts in some 20 ms, as it loads next to nothing.
CLIENT = """#!{python} -ISs
import json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({path!r})
told = json.dumps([[{program!r}, *sys.argv[1:]], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(told).to_bytes(4, "big")], [0, 1, 2])
server.sendall(told)
process = int.from_bytes(server.recv(4), "big")
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: os.kill(process, number))
code = server.recv(1)
sys.exit(code[0] if code else 137)
"""


def write_client(folder: Path, program: str, path: Path) -> None:
    """A command of this name, for a PATH that begins with `folder`."""
    command = folder / program
    command.write_text(CLIENT.format(python=sys.executable, path=str(path), program=program))
    command.chmod(0o755)


def serve(path: str) -> None:
    from voxanne.cli.root import load_commands

    load_commands()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> None:
    """In the forked process: run the command and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    length, streams, _, _ = socket.recv_fds(connection, 4, 3)
    size, told = int.from_bytes(length, "big"), b""
    while len(told) < size:
        told += connection.recv(size - len(told))
    arguments, directory, environment = json.loads(told)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    connection.sendall(os.getpid().to_bytes(4, "big"))
    code = _run(arguments)
    connection.sendall(bytes([code & 0xFF]))
    os._exit(code & 0xFF)


def _run(arguments: list[str]) -> int:
    sys.argv = arguments
    try:
        if arguments[0] == "parsed":
            parse(arguments[1:])
        else:
            from voxanne.cli.main import main

            main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def parse(arguments: list[str]) -> None:
    """Read a command's arguments as it would; a usage error is exit code 2."""
    from voxanne.cli.root import cli

    command: click.Command = cli
    context = click.Context(command, info_name="voxanne")
    try:
        while isinstance(command, click.Group):
            name, found, arguments = command.resolve_command(context, arguments)
            assert found is not None
            command = found
            if isinstance(command, click.Group):
                context = click.Context(command, info_name=name, parent=context)
        command.make_context(command.name, arguments, parent=context)
    except click.UsageError as error:
        error.show()
        sys.exit(error.exit_code)


if __name__ == "__main__":
    serve(sys.argv[1])

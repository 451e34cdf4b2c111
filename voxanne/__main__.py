from voxanne.cli.main import main

main()

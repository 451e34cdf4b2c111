from voxanne.cli import main

main()

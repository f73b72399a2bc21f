import ProvisionCLI

Program.main()

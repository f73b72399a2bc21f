import Installing

if CommandLine.arguments.dropFirst().first == installChildArgument { installChildMain() }
print("provision")

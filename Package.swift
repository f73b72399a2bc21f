// swift-tools-version: 6.1
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // A file that didn't import it can't use Foundation by accident, which would put all of it and ICU into the program.
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let toml = Target.Dependency.product(name: "TOMLKit", package: "TOMLKit")

/// A module of ours: every one may use Diagnostics and Model beside what it names (docs/architecture.md has the table).
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: ["Diagnostics", "Model"] + dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests",
        dependencies: [.byName(name: name)]
            + (name == "Diagnostics" ? [] : name == "Model" ? ["Diagnostics"] : ["Diagnostics", "Model"]) + dependencies,
        swiftSettings: strict)
}

func library(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "provision",
    products: [.executable(name: "provision", targets: ["provision"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "3.12.3"),
        .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
    ],
    targets: [
        library("CRpm", pkgConfig: "rpm", apt: "librpm-dev"),
        library("CSolv", pkgConfig: "libsolvext", apt: "libsolvext-dev"),
        library("CExpat", pkgConfig: "expat", apt: "libexpat1-dev"),
        library("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
        library("CYaml", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
        library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        .target(name: "CCurl"),
        .target(name: "CLinux"),

        .target(name: "Diagnostics", swiftSettings: strict),
        .target(name: "Model", dependencies: ["Diagnostics"], swiftSettings: strict),
        module("System", ["CLinux", systemPackage, crypto]),
        module("Configuration", [toml, systemPackage]),
        module("Transfer", ["CCurl", "System", systemPackage]),
        module("Repositories", ["CExpat", "CYaml", "Transfer", "Configuration", "System", systemPackage]),
        module("Solving", ["CSolv", "Repositories", "Configuration", "System", systemPackage]),
        module("Installing", ["CRpm", "CSQLite", "System", systemPackage]),
        module("Patches", ["Configuration", "System", systemPackage]),
        module("Layers", ["CZstd", "System", toml, systemPackage]),
        module("Images", ["Layers", "Transfer", "System", systemPackage]),
        module("Containers", ["Layers", "System", systemPackage]),
        module("Statements", ["System"]),
        module(
            "Provisioning",
            [
                "System", "Configuration", "Transfer", "Repositories", "Solving", "Installing", "Patches", "Layers",
                "Images", "Containers", "Statements", systemPackage,
            ]),
        module(
            "ProvisionCLI", ["Provisioning", "Containers", "Images", "Repositories", "System", argumentParser, systemPackage]),
        .executableTarget(name: "provision", dependencies: ["ProvisionCLI"], swiftSettings: strict),

        tests("Diagnostics"),
        tests("Model"),
        tests("System", [systemPackage]),
        tests("Configuration", [systemPackage]),
        tests("Transfer", ["System", systemPackage]),
        tests("Repositories", ["Configuration", "Transfer", "System", systemPackage]),
        tests("Solving", ["Repositories", "Configuration", "System", systemPackage]),
        tests("Installing", ["System", systemPackage]),
        tests("Patches", ["Configuration", "System", systemPackage]),
        tests("Layers", ["System", systemPackage]),
        tests("Images", ["Layers", "System", systemPackage]),
        tests("Containers", ["Layers", "System", systemPackage]),
        tests("Statements"),
        tests("Provisioning", ["Configuration", "Layers", "System", systemPackage]),
        tests("ProvisionCLI", ["Provisioning"]),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Diagnostics", "Model", "System", "Configuration", "Transfer", "Repositories", "Solving", "Installing",
                "Layers",
                "Images", "Containers", "provision", systemPackage,
            ], exclude: ["Oracle"], swiftSettings: strict),
        // The same requests put to provision and to dnf; its fixtures and its oracle are data to the compiler.
        .testTarget(
            name: "DifferentialIntegrationTests",
            dependencies: ["Diagnostics", "Model", "System", "Layers", "Provisioning", "provision", systemPackage],
            exclude: ["Fixtures", "Oracle"], swiftSettings: strict),
    ]
)

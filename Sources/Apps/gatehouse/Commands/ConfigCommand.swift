import App
import ArgumentParser
import Foundation

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print every setting, its value and its source.",
        discussion: """
            Secrets are printed as set or not set. Secrets and URLs are also read from files: NAME_FILE has the path of \
            one. Every fault is reported, and the exit status is then 2.

            EXAMPLES
              gatehouse config
              ENVIRONMENT=production gatehouse config --check
              gatehouse config --example > .env

            SETTINGS
            \(EnvironmentHelp.table)
            """
    )

    @Flag(help: "Only check the configuration.")
    var check = false

    @Flag(help: "Print a .env file of every setting with its meaning and its default.")
    var example = false

    @OptionGroup var listening: ListeningOptions
    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        if example { return Terminal.print(String(Configuration.example.dropLast())) }
        let overrides = installation.overrides.merging(listening.overrides) { $1 }
        let configuration = try await Configuration.load(overrides: overrides)
        if check { return Terminal.print("The configuration is usable.") }
        let sources = Sources(overrides: overrides, given: configuration.given)
        let rows = configuration.settings.map { setting in
            [setting.name, setting.value.isEmpty ? "-" : setting.value, sources.source(of: setting.name)]
        }
        Text.table([["NAME", "VALUE", "SOURCE"]] + rows).forEach { Terminal.print($0) }
    }
}

/// The sources of settings, in their order of precedence.
private struct Sources {
    let overrides: [String: String]
    /// The settings that are set under any name.
    let given: [String: String]
    let environment = ProcessInfo.processInfo.environment
    let file = EnvironmentFile().values

    func source(of name: String) -> String {
        if overrides[name] != nil { return "flag" }
        if environment[name]?.isEmpty == false { return "environment" }
        if file[name] != nil { return ".env" }
        let fileName = Setting.fileName(of: name)
        if given[name] != nil, environment[fileName]?.isEmpty == false || file[fileName] != nil { return "file" }
        return given[name] == nil ? "default" : "alias"
    }
}

import App
import ArgumentParser
import Foundation

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print every setting, its value and its source.",
        discussion: """
            Secrets are printed as set or not set. Every fault is reported, and the exit status is then 2.

            EXAMPLES
              gatehouse config
              ENVIRONMENT=production gatehouse config --check

            SETTINGS
            \(EnvironmentHelp.table)
            """
    )

    @Flag(help: "Only check the configuration.")
    var check = false

    @OptionGroup var listening: ListeningOptions
    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let overrides = installation.overrides.merging(listening.overrides) { $1 }
        let configuration = try await Configuration.load(overrides: overrides)
        if check { return Terminal.print("The configuration is usable.") }
        let sources = Sources(overrides: overrides)
        let rows = configuration.settings.map { setting in
            [setting.name, setting.value.isEmpty ? "-" : setting.value, sources.source(of: setting.name)]
        }
        Text.table([["NAME", "VALUE", "SOURCE"]] + rows).forEach { Terminal.print($0) }
    }
}

/// The sources of settings, in their order of precedence.
private struct Sources {
    let overrides: [String: String]
    let environment = ProcessInfo.processInfo.environment
    let file: Set<String>

    init(overrides: [String: String]) {
        self.overrides = overrides
        let lines = (try? String(contentsOfFile: ".env", encoding: .utf8))?.split(separator: "\n") ?? []
        file = Set(
            lines.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
                .filter { $0.count == 2 && !$0[1].allSatisfy(\.isWhitespace) }
                .map { $0[0].filter { !$0.isWhitespace } }
        )
    }

    func source(of name: String) -> String {
        if overrides[name] != nil { return "flag" }
        if environment[name]?.isEmpty == false { return "environment" }
        return file.contains(name) ? ".env" : "default"
    }
}

import App
import ArgumentParser
import Foundation
import Modules

/// The flags that select the installation of a command. They are checked together with the environment, so that all
/// faults are reported at once.
struct InstallationOptions: ParsableArguments {
    @Option(
        name: .customLong("database"),
        help: ArgumentHelp("Overrides DATABASE_URL: sqlite:PATH or postgresql://…", valueName: "url"))
    var databaseURL: String?

    @Option(
        name: .customLong("data"),
        help: ArgumentHelp(
            "Overrides DATA_DIR: the folder of secrets, files and the default database.", valueName: "folder"))
    var dataFolder: String?

    @Option(help: ArgumentHelp("Overrides LOG_FORMAT: json or text.", valueName: "format"))
    var logFormat: String?

    @Option(
        help: ArgumentHelp(
            "Overrides LOG_LEVEL: trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String?

    @Flag(
        name: .customLong("new"),
        help: "Create the SQLite database although the data folder was used with one that does not exist.")
    var allowsNewDatabase = false

    /// The values of the flags by the names of settings.
    var overrides: [String: String] {
        ["DATABASE_URL": databaseURL, "DATA_DIR": dataFolder, "LOG_FORMAT": logFormat, "LOG_LEVEL": logLevel]
            .compactMapValues(\.self)
    }

    /// - Parameter more: values of further flags.
    func load(_ more: [String: String] = [:]) async throws -> Configuration {
        var configuration = try await Configuration.load(overrides: overrides.merging(more) { $1 })
        configuration.allowsNewDatabase = allowsNewDatabase
        return configuration
    }

    /// Runs `work` on the installation and closes it afterwards, also after an error.
    func withApp<Result>(_ work: (App) async throws -> Result) async throws -> Result {
        var configuration = try await load()
        // The log of a start is of no use to a command; errors are.
        configuration.logLevel = max(configuration.logLevel, .error)
        return try await App.with(configuration, work)
    }
}

/// The flags of the listening socket.
struct ListeningOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Overrides HOST: the address to listen on.", valueName: "address"))
    var host: String?

    @Option(help: ArgumentHelp("Overrides PORT: the port to listen on, 0 for a free one.", valueName: "port"))
    var port: String?

    var overrides: [String: String] { ["HOST": host, "PORT": port].compactMapValues(\.self) }
}

extension App {
    /// Runs `body` with a system on an empty SQLite database in a temporary folder, without a listening socket.
    static func withTemporary<Result>(_ body: (App) async throws -> Result) async throws -> Result {
        try await TemporaryFolder.with { folder in
            var configuration = Configuration()
            configuration.environment = .test
            configuration.dataFolder = folder.path(percentEncoded: false)
            configuration.databaseURL = "sqlite:\(configuration.dataFolder)/gatehouse.db"
            configuration.logLevel = .critical
            return try await with(configuration, body)
        }
    }
}

extension Configuration {
    /// The URL of the server for clients on this machine.
    func address(port: Int) -> String {
        switch host {
        case "0.0.0.0", "::", "127.0.0.1", "::1": "\(scheme)://localhost:\(port)"
        case let host where host.contains(":"): "\(scheme)://[\(host)]:\(port)"
        case let host: "\(scheme)://\(host):\(port)"
        }
    }

    /// The engine and the file, or the URL without its password.
    var databaseDescription: String { sqlitePath.map { "SQLite, \($0)" } ?? Setting.redacted(databaseURL) }
}

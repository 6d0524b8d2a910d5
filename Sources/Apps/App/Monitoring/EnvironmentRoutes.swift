import Foundation
import Identity
import Modules

/// What clients tell language models of where they work: nothing of the machine but its kind.
struct EnvironmentRoutes: Sendable {
    let configuration: Configuration
    /// The default model of the assistant; nil where none is configured.
    let model: String?
    let identity: IdentityModule
    let now: @Sendable () -> Instant

    var routes: [Route] {
        [
            .get("environment", "The environment that a client's models work in", requires: member) { _ in
                environment
            },
            .get("environment/summary", "The environment in one sentence", requires: member) { _ in
                EnvironmentText(content: summary)
            },
            .get("environment/claude-format", "The environment as instructions for a model", requires: member) { _ in
                EnvironmentText(content: instructions)
            },
            .get("debug/environment", "The machine and the process", requires: identity.role(.developer)) { _ in
                MachineEnvironment(
                    operatingSystem: ProcessInfo.processInfo.operatingSystemVersionString,
                    architecture: ServiceEnvironment.architecture,
                    processors: ProcessInfo.processInfo.activeProcessorCount,
                    memoryBytes: Int64(clamping: ProcessInfo.processInfo.physicalMemory),
                    processId: Int(ProcessInfo.processInfo.processIdentifier), version: gatehouseVersion,
                    environment: configuration.environment.rawValue,
                    database: configuration.sqlitePath == nil ? "postgresql" : "sqlite")
            },
        ]
    }

    private var member: Member { identity.member }

    private var environment: ServiceEnvironment {
        ServiceEnvironment(
            platform: ServiceEnvironment.platform, architecture: ServiceEnvironment.architecture,
            version: gatehouseVersion, environment: configuration.environment.rawValue,
            model: model,
            workingDirectory: "/", timeZone: "UTC", date: date, timestamp: now())
    }

    private var date: String { String(now().description.prefix(10)) }

    private var summary: String {
        let environment = environment
        let model = environment.model.map { "the model \($0)" } ?? "no language model"
        return
            "Gatehouse \(environment.version) (\(environment.environment)) on \(environment.platform) with \(model), "
            + "\(environment.date) UTC."
    }

    /// The form of Claude Code's own instructions.
    private var instructions: String {
        let environment = environment
        let model = environment.model.map { "\nYou are powered by the model \($0)." } ?? ""
        return """
            <env>
            Working directory: \(environment.workingDirectory)
            Is directory a git repo: No
            Platform: \(environment.platform)
            Today's date: \(environment.date)
            </env>\(model)
            """
    }
}

/// The environment of an account's work: its working directory is the root of the workspace of its organisation.
struct ServiceEnvironment: Payload {
    var platform: String
    var architecture: String
    var version: String
    var environment: String
    /// The default model; absent where none is configured.
    var model: String?
    var workingDirectory: String
    var timeZone: String
    var date: String
    var timestamp: Instant

    static let platform = "linux"

    static var architecture: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "aarch64"
        #else
            "other"
        #endif
    }
}

struct EnvironmentText: Payload {
    var content: String
}

struct MachineEnvironment: Payload {
    var operatingSystem: String
    var architecture: String
    var processors: Int
    var memoryBytes: Int64
    var processId: Int
    var version: String
    var environment: String
    /// `sqlite` or `postgresql`.
    var database: String
}

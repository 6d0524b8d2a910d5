import Base

/// A command to be run in the sandbox.
package struct SandboxedCommand: Sendable, Hashable {
    /// The program, looked up in `PATH` unless it has a slash, and its arguments. No shell reads them.
    package var arguments: [String]
    /// Added to ``defaultEnvironment``, whose values it replaces. Nothing of this process's environment is passed on.
    package var environment: [String: String]
    /// The absolute path of an existing folder, which the command sees as ``workspace`` and may change. Where this
    /// process runs as root, its contents become owned by ``CommandSandbox/account``.
    package var folder: String
    /// The standard input.
    package var input: [UInt8]
    package var limits: CommandLimits

    package init(
        _ arguments: [String], environment: [String: String] = [:], folder: String, input: [UInt8] = [],
        limits: CommandLimits = CommandLimits()
    ) {
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.input = input
        self.limits = limits
    }

    /// The working folder as the command sees it.
    package static let workspace = "/workspace"

    package static let defaultEnvironment = [
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": workspace, "TMPDIR": "/tmp", "LANG": "C.UTF-8",
    ]

    /// Bytes of all arguments and of the environment.
    package static let textBytesMax = 1 << 20
    package static let inputBytesMax = 16 << 20

    /// - Throws: ``CommandSandboxError/invalid(reason:)``.
    func check() throws(CommandSandboxError) {
        // `env`, which starts the command, reads a first argument with an equals sign as a variable.
        guard let program = arguments.first, !program.isEmpty, !program.contains("=") else {
            throw .invalid(reason: "the first argument is not the name of a program")
        }
        let names = environment.keys
        guard names.allSatisfy({ !$0.isEmpty && !$0.contains("=") }) else {
            throw .invalid(reason: "a variable of the environment has no name, or an equals sign in it")
        }
        let texts = arguments + names + environment.values
        guard texts.allSatisfy({ !$0.hasNUL }) else {
            throw .invalid(reason: "a text of the command contains NUL")
        }
        guard texts.reduce(0, { $0 + $1.utf8.count }) <= Self.textBytesMax, input.count <= Self.inputBytesMax else {
            throw .invalid(reason: "the command or its input is too long")
        }
        guard folder.hasPrefix("/"), !folder.hasNUL else {
            throw .invalid(reason: "the folder has no absolute path")
        }
        try limits.check()
    }
}

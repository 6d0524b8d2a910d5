package import CommandSandbox

/// The command of one process of a server.
package struct MCPCommand: Sendable {
    /// `input` is not used; the wall time is that of the process.
    package let command: SandboxedCommand
    /// Called once, when the process has ended or could not be started.
    package let onEnd: @Sendable () async -> Void

    package init(_ command: SandboxedCommand, onEnd: @escaping @Sendable () async -> Void = {}) {
        self.command = command
        self.onEnd = onEnd
    }
}

import Glibc

/// The reason why a command did not run, or was not finished.
package enum CommandSandboxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The command cannot be run anywhere.
    case invalid(reason: String)
    /// The working folder is missing, cannot be read, or is beyond the limits before the command starts.
    case folder(reason: String)
    /// This system has no sandbox: bubblewrap is not installed, or the kernel refuses to separate processes. For the
    /// operator, as it may name paths.
    case unavailable(reason: String)
    /// A call of the system failed, for the lack of descriptors, processes or memory.
    case system(call: String, code: Int32)
    /// As many commands run and wait as may.
    case overloaded
    /// The task was cancelled. The command has been killed, or never started.
    case cancelled

    package var description: String {
        switch self {
        case .invalid(let reason): "the command is not valid: \(reason)"
        case .folder(let reason): "the command's folder cannot be used: \(reason)"
        case .unavailable(let reason): "there is no command sandbox: \(reason)"
        case .system(let call, let code): "\(call) failed: \(String(cString: strerror(code)))"
        case .overloaded: "too many commands are waiting"
        case .cancelled: "the command was cancelled"
        }
    }
}

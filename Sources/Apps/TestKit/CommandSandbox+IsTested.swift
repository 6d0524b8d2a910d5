package import CommandSandbox
import Foundation

extension CommandSandbox {
    /// Whether tests run commands. Under CI they do always: they fail where commands cannot be run, and are never
    /// skipped.
    package static func isTested() async -> Bool {
        if ProcessInfo.processInfo.environment["CI"] != nil { return true }
        return (try? await CommandSandbox().check()) != nil
    }
}

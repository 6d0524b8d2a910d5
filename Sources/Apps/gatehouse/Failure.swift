import App
import ArgumentParser
import Entitlements
import Foundation
import Modules

/// An error of a command: a message with what to do about it, and the exit status.
struct Failure: Error {
    /// The command ran and failed.
    static let failed: Int32 = 1
    /// The configuration, the plans or the schema cannot be used.
    static let unusable: Int32 = 2

    let message: String
    let status: Int32

    init(_ message: String, status: Int32 = Self.failed) {
        self.message = message
        self.status = status
    }

    /// - Returns: nil for wrong usage and requests for help, which the argument parser reports itself.
    init?(explaining error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case is ExitCode, is CleanExit, is ValidationError: return nil
        case let faults as ConfigurationFaults:
            self.init(faults.description + "\n`gatehouse config --help` lists every name.", status: Self.unusable)
        case let faults as PlanSetFaults:
            self.init(faults.description + "\nThe plans are read from PLANS_FILE.", status: Self.unusable)
        case let fault as MigrationFault: self.init(fault.description, status: Self.unusable)
        case let problem as Problem: self.init(problem)
        case let error as CocoaError: self.init(error)
        // The argument parser's errors have no public type; their module is recognised.
        case _ where String(reflecting: type(of: error)).hasPrefix("ArgumentParser."): return nil
        case let error as any CustomStringConvertible: self.init(error.description)
        default: self.init("Unexpected error: \(error)")
        }
    }

    private init(_ problem: Problem) {
        switch problem.cause {
        case let fault as MigrationFault:
            self.init(fault.description, status: Self.unusable)
        case let error as StorageError where [.fileReplaced, .damaged].contains(error.kind): self.init(error.message)
        case let error as StorageError where [.connectionLost, .overloaded].contains(error.kind):
            let reason = error.message.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            self.init(
                "The database does not answer: \(reason)\n"
                    + "Check the URL of the database (DATABASE_URL, --database or --to), and that the server runs and accepts connections from here."
            )
        case let error as StorageError:
            self.init("The database refused: \(error.message) (\(error.code)).")
        case let cause? where problem.kind == .internalError:
            self.init("Unexpected error: \(cause)")
        default:
            let faults = (problem.members["errors"]?.array ?? []).compactMap { fault -> String? in
                guard let pointer = fault["pointer"]?.string, let detail = fault["detail"]?.string else { return nil }
                return "The \(pointer.split(separator: "/").joined(separator: " ")) \(detail)."
            }
            let detail = problem.detail.map { " \($0)" } ?? ""
            self.init(faults.isEmpty ? "\(problem.title).\(detail)" : faults.joined(separator: "\n"))
        }
    }

    /// A file that cannot be read or written.
    private init(_ error: CocoaError) {
        let path = error.filePath ?? error.url?.path ?? "A file"
        switch error.code {
        case .fileNoSuchFile, .fileReadNoSuchFile: self.init("\(path) does not exist, or its folder does not.")
        case .fileReadNoPermission, .fileWriteNoPermission:
            self.init("\(path) cannot be read or written by this user: permission denied.")
        case .fileWriteOutOfSpace: self.init("\(path) cannot be written: the disk is full.")
        default: self.init("\(path): \(error.localizedDescription)")
        }
    }
}

extension Failure {
    /// A failed bind. SwiftNIO reports the error number of the system within its description.
    static func listening(on configuration: Configuration, _ error: any Error) -> Failure? {
        let address =
            configuration.host.hasPrefix("/") ? configuration.host : "\(configuration.host):\(configuration.port)"
        let text = String(describing: error)
        func mentions(_ number: Int32) -> Bool { text.contains("errno: \(number))") }
        if mentions(EADDRINUSE) {
            return Failure(
                "\(address) is in use by another process. Stop that one, or choose another port with --port or PORT.")
        }
        if mentions(EACCES) {
            return Failure(
                "Listening on \(address) is not permitted: ports below 1024 need special rights. "
                    + "Choose another with --port or PORT."
            )
        }
        if mentions(EADDRNOTAVAIL) || text.contains("UnknownHost") {
            return Failure(
                "This machine has no address '\(configuration.host)'. "
                    + "Set --host or HOST to one of its addresses, or to 0.0.0.0 for all."
            )
        }
        return nil
    }
}

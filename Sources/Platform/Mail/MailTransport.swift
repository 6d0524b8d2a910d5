import Base
import Foundation
import Jobs
import Telemetry

/// Where messages are sent: an SMTP server, a folder (for development), or nowhere while no server is configured.
package struct MailTransport: Sendable {
    private enum Kind: Sendable {
        case server(SMTPServer)
        case folder(String)
        case unconfigured
    }

    private let kind: Kind
    /// SMTP and file calls block their thread. With two threads one slow delivery does not stop all others.
    private let pool = BlockingPool(name: "mail", threads: 2, capacity: 64)

    private init(_ kind: Kind) { self.kind = kind }

    package static func server(_ server: SMTPServer) -> MailTransport { MailTransport(.server(server)) }
    /// Writes each message to a file with mode 0600, and logs the path.
    package static func folder(_ path: String) -> MailTransport { MailTransport(.folder(path)) }
    /// Delivery jobs are marked dead, with the problem code `not-configured`, and can be redriven later.
    package static let unconfigured = MailTransport(.unconfigured)

    /// - Throws: a permanent job failure while no transport is configured.
    func checkConfigured() throws {
        guard case .unconfigured = kind else { return }
        throw JobFailure.permanent(
            "\(Problem.Kind.notConfigured.code): there is no mail server. "
                + "Set SMTP_HOST and FROM_EMAIL, and redrive the job.")
    }

    /// - Throws: ``DeliveryFailure``, or the error of the file system.
    func send(_ message: Message, logger: Logger) async throws {
        switch kind {
        case .server(let server):
            try await pool.run { try server.deliver(message) }
            logger.debug("an e-mail was sent")
        case .folder(let folder):
            let file = try await pool.run { try Self.write(message, into: folder) }
            logger.info(
                "no mail server is configured: an e-mail was written to a file",
                metadata: ["recipient": "\(message.recipient.address)", "file": "\(file)"])
        case .unconfigured:
            try checkConfigured()
        }
    }

    private static func write(_ message: Message, into folder: String) throws -> String {
        let manager = FileManager.default
        try manager.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let (path, unfinished) = ("\(folder)/\(message.id.text).eml", "\(folder)/.\(message.id.text).unfinished")
        guard
            manager.createFile(
                atPath: unfinished, contents: Data(message.bytes), attributes: [.posixPermissions: 0o600])
        else {
            throw CocoaError(.fileWriteUnknown)
        }
        guard rename(unfinished, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        return path
    }
}

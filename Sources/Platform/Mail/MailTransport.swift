import Base
import Foundation
import Jobs
import Telemetry

/// Who takes messages away: a server, a folder where a developer looks at them, or nobody yet.
package struct MailTransport: Sendable {
    private enum Kind: Sendable {
        case server(SMTPServer)
        case folder(String)
        case nobody
    }

    private let kind: Kind
    /// Both SMTP and disks block. Two at once keep one slow server from being the only thing that happens.
    private let pool = BlockingPool(name: "mail", threads: 2, capacity: 64)

    private init(_ kind: Kind) { self.kind = kind }

    package static func server(_ server: SMTPServer) -> MailTransport { MailTransport(.server(server)) }
    /// Writes each message into a file that only its owner can read, and says so in the log.
    package static func folder(_ path: String) -> MailTransport { MailTransport(.folder(path)) }
    /// Letters wait as dead jobs until there is a server.
    package static let nobody = MailTransport(.nobody)

    /// - Throws: a permanent failure while nothing is configured.
    func checkReadiness() throws {
        guard case .nobody = kind else { return }
        throw JobFailure.permanent(
            "not-configured: there is no mail server. Set SMTP_HOST and FROM_EMAIL, and give the job another life.")
    }

    /// - Throws: ``DeliveryFailure``, or what keeps a file from being written.
    func carry(_ message: Message, logger: Logger) async throws {
        switch kind {
        case .server(let server):
            try await pool.run { try server.deliver(message) }
            logger.debug("a letter was sent")
        case .folder(let folder):
            let file = try await pool.run { try Self.write(message, into: folder) }
            logger.info(
                "no mail server is configured: a letter was written to a file",
                metadata: ["recipient": "\(message.recipient.address)", "file": "\(file)"])
        case .nobody:
            try checkReadiness()
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

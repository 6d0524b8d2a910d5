package import Base
import Foundation
package import Jobs
package import Storage

/// Takes letters from the outbox and sends them.
package struct Delivery: Sendable {
    private let database: any Database
    private let post: Post
    /// Where mails are written to when there is no server to send them.
    private let folder: String

    package init(database: any Database, post: Post, folder: String) {
        self.database = database
        self.post = post
        self.folder = folder
    }

    package var worker: Worker {
        Worker(DeliverLetter.self) { job, _ in
            guard let sealed = try await database.read({ try $0.sealedLetter(job.letter) }) else { return .done }
            try write(try post.open(sealed, job.letter), job.letter)
            return .done { try $0.markSent(job.letter) }
        }
    }

    private func write(_ letter: Letter, _ id: ID<Letter>) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let lines = ["To: \(letter.recipient)", "Subject: \(letter.template)", ""] + letter.values.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        try Data((lines.joined(separator: "\r\n") + "\r\n").utf8).write(to: URL(fileURLWithPath: "\(folder)/\(id.text).eml"))
    }
}

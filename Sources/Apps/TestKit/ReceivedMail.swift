import App
import Foundation

/// A mail as it reached somebody.
package struct ReceivedMail: Sendable {
    /// The whole message, headers first.
    package let text: String

    /// The six digits in it.
    package var code: String? { text.firstMatch(of: /\b[0-9]{6}\b/).map { String($0.output) } }
    /// The value of `token=` in the link that it holds.
    package var token: String? { text.firstMatch(of: /token[=:] ?([A-Za-z0-9_-]+)/).map { String($0.output.1) } }
}

extension TestApp {
    /// Sends what waits to be sent.
    /// - Returns: the mails that `address` got so far, oldest first.
    package func mail(to address: String) async throws -> [ReceivedMail] {
        try await runJobs()
        let folder = URL(fileURLWithPath: "\(app.configuration.dataFolder)/mail")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        // Their names are UUIDv7: they sort by time.
        return try files.sorted { $0.lastPathComponent < $1.lastPathComponent }
            .map { ReceivedMail(text: try String(contentsOf: $0, encoding: .utf8)) }
            .filter { $0.text.contains("To: \(address)\r\n") }
    }
}

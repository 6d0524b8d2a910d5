import App
import Foundation

/// A received e-mail, parsed (RFC 5322, RFC 2045).
package struct ReceivedMail: Sendable {
    /// The whole message, headers first.
    package let source: String
    /// Header fields by name in lower case, unfolded and decoded.
    package let headers: [String: String]
    /// The text part, its lines ending with LF.
    package let text: String
    /// The HTML part.
    package let html: String

    /// - Parameter source: RFC 5322 with CRLF.
    package init(source: String) {
        self.source = source
        let (headers, body) = Self.split(source)
        self.headers = headers
        var parts: [String: String] = [:]
        if let boundary = headers["content-type"]?.firstMatch(of: /boundary="([^"]+)"/)?.output.1 {
            let sections = "\r\n\(body)".components(separatedBy: "\r\n--\(boundary)")
            for section in sections.dropFirst() where !section.hasPrefix("--") {
                let (inner, content) = Self.split(String(section.trimmingPrefix("\r\n")))
                let type = inner["content-type"]?.prefix { $0 != ";" } ?? "text/plain"
                parts[String(type)] =
                    inner["content-transfer-encoding"] == "quoted-printable" ? Self.quotedPrintable(content) : content
            }
        } else {
            parts["text/plain"] = body
        }
        text = (parts["text/plain"] ?? "").replacing("\r\n", with: "\n")
        html = (parts["text/html"] ?? "").replacing("\r\n", with: "\n")
    }

    package var subject: String { headers["subject"] ?? "" }
    /// The address in the field To.
    package var recipient: String { headers["to"].map { $0.trimming { "<> ".contains($0) } } ?? "" }
    /// The code of six digits that is a line of the text.
    package var code: String? {
        text.split(separator: "\n").map { $0.trimming(\.isWhitespace) }.first { $0.wholeMatch(of: /[0-9]{6}/) != nil }
    }
    /// The value of `token=` in the link in the text.
    package var token: String? { text.firstMatch(of: /token=([A-Za-z0-9_.~-]+)/).map { String($0.output.1) } }
    /// The first link in the text.
    package var link: String? { text.firstMatch(of: /https?:\/\/[^\s]+/).map { String($0.output) } }

    private static func split(_ message: String) -> (headers: [String: String], body: String) {
        let halves = message.components(separatedBy: "\r\n\r\n")
        let body = halves.dropFirst().joined(separator: "\r\n\r\n")
        var headers: [String: String] = [:]
        // A line that begins with white space continues the line before it.
        let unfolded = halves[0].replacing("\r\n ", with: " ").replacing("\r\n\t", with: " ")
        for line in unfolded.components(separatedBy: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            headers[parts[0].lowercased()] = words(parts[1].trimming(\.isWhitespace))
        }
        return (headers, body)
    }

    /// Decodes encoded words (RFC 2047); white space between two of them is removed.
    private static func words(_ text: String) -> String {
        let joined = text.replacing(/\?=\s+=\?/, with: "?==?")
        return joined.replacing(/=\?UTF-8\?B\?([A-Za-z0-9+\/=]*)\?=/) { match in
            Data(base64Encoded: String(match.output.1)).map { String(decoding: $0, as: UTF8.self) }
                ?? String(match.output.0)
        }
    }

    private static func quotedPrintable(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.replacing("=\r\n", with: "").utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "="), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension StringProtocol {
    fileprivate func trimming(_ isTrimmed: (Character) -> Bool) -> String {
        String(String(drop(while: isTrimmed)).reversed().drop(while: isTrimmed).reversed())
    }
}

extension TestApp {
    /// Runs the jobs that send e-mails.
    /// - Returns: the e-mails to `address`, oldest first.
    package func mail(to address: String) async throws -> [ReceivedMail] {
        try await runJobs()
        return try mailbox().filter { $0.recipient.lowercased() == address.lowercased() }
    }

    /// Every e-mail that was written to the data folder, oldest first.
    package func mailbox() throws -> [ReceivedMail] {
        let folder = URL(fileURLWithPath: "\(app.configuration.dataFolder)/mail")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        // The names of files are UUIDv7, which sort by time.
        return try files.filter { $0.pathExtension == "eml" }.sorted { $0.lastPathComponent < $1.lastPathComponent }
            .map { ReceivedMail(source: String(decoding: try Data(contentsOf: $0), as: UTF8.self)) }
    }
}

import Foundation

/// The e-mails that a system without a mail server has written to its data folder.
struct WrittenMails {
    /// Without the date and the id of each.
    private let texts: [String]

    init(dataFolder: String) throws {
        let folder = URL(filePath: dataFolder, directoryHint: .isDirectory).appending(path: "mail")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        texts = try files.filter { $0.pathExtension == "eml" }.map { file in
            try String(contentsOf: file, encoding: .utf8)
                .replacing(file.deletingPathExtension().lastPathComponent, with: "")
                .split(separator: "\r\n").filter { !$0.hasPrefix("Date: ") }.joined(separator: "\n")
        }
    }

    var count: Int { texts.count }

    /// How often each subject was written.
    var subjects: [String: Int] { Dictionary(texts.map { (Self.subject(of: $0), 1) }, uniquingKeysWith: +) }

    /// The subjects of those that were written more than once.
    var repeated: [String] {
        Dictionary(grouping: texts) { $0 }.filter { $0.value.count > 1 }.keys.map { "Subject: " + Self.subject(of: $0) }
    }

    private static func subject(of text: String) -> String {
        let field = text.split(separator: "\n").first { $0.hasPrefix("Subject: ") }
        return field.map { String($0.dropFirst("Subject: ".count)) } ?? "(none)"
    }
}

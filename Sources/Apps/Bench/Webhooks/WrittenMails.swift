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

    /// The subjects of those that were written more than once.
    var repeated: [String] {
        Dictionary(grouping: texts) { $0 }.filter { $0.value.count > 1 }.keys.map { text in
            String(text.split(separator: "\n").first { $0.hasPrefix("Subject: ") } ?? "an e-mail without a subject")
        }
    }
}

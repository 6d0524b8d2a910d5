import Foundation
import TestKit
import Testing

/// The guides show files of the example product. This suite keeps both equal.
@Suite struct GuideCodeTests {
    /// A fenced Swift block whose opening line names a file: ```` ```swift Examples/Greetings/Greeting.swift ````.
    private struct CodeBlock {
        let guide: String
        let path: String
        let code: String
    }

    private static func blocks() throws -> [CodeBlock] {
        let folder = Repository.url("docs/guides")
        let guides = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "md" }
        return try guides.flatMap { guide in
            var blocks: [CodeBlock] = []
            var open: (path: String, lines: [String])?
            for line in try String(contentsOf: guide, encoding: .utf8).components(separatedBy: "\n") {
                if let (path, lines) = open {
                    if line == "```" {
                        let code = lines.joined(separator: "\n") + "\n"
                        blocks.append(CodeBlock(guide: guide.lastPathComponent, path: path, code: code))
                        open = nil
                    } else {
                        open?.lines.append(line)
                    }
                } else if line.hasPrefix("```swift ") {
                    open = (String(line.dropFirst("```swift ".count)), [])
                }
            }
            return blocks
        }
    }

    @Test func `every code block of a guide that names a file equals the file`() throws {
        for block in try Self.blocks() {
            let file = try? String(contentsOf: Repository.url(block.path), encoding: .utf8)
            #expect(file == block.code, "\(block.guide) shows another text than \(block.path)")
        }
    }

    @Test func `the guides show every file of the example product`() throws {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: Repository.url("Examples/Greetings").path)
        let shown = Set(try Self.blocks().map(\.path))
        #expect(!files.isEmpty)
        for file in files where file.hasSuffix(".swift") {
            #expect(shown.contains("Examples/Greetings/\(file)"), "no guide shows \(file)")
        }
    }
}

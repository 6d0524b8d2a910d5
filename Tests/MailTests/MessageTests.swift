import App
import Base
import DomainNames
import Foundation
import TestKit
import Testing

@testable import Mail

@Suite struct MessageTests {
    private let sender = Sender(name: "Gatehouse", mailbox: Result { try Mailbox("gate@gatehouse.example") }.value)

    private func message(
        _ subject: String = "s", _ text: String = "t", _ html: String = "h", name: String = "Gatehouse"
    ) throws -> Message {
        let sender = Sender(name: name, mailbox: try Mailbox("gate@gatehouse.example"))
        let content = RenderedEmail(subject: subject, text: text, html: html)
        return try Message(
            id: Runtime.system.id(), createdAt: Instant(seconds: 1_769_860_800), from: sender,
            to: Mailbox("user@example.org"), content)
    }

    /// Texts of pieces that encodings get wrong: dots, trailing white space, long lines, `=` escapes, multi-byte
    /// characters.
    private func texts(_ count: Int) -> [String] {
        let pieces = [
            ".", "..", " ", "  \n", "\t\n", "\n.\n", "\n", "=", "=3D", "=?UTF-8?B?eA==?=", "--=_", "ü", "日本語",
            "👩‍👩‍👧", "e\u{301}", "\u{FEFF}", "From ", "word ",
            "a", "&<>\"'",
        ]
        var generator = SeededBytes(seed: 7)
        return (0..<count).map { _ in
            (0..<Int(generator.next() % 120)).map { _ in pieces[Int(generator.next()) % pieces.count] }.joined()
        }
    }

    @Test func `every line is ASCII, ends with CRLF and is no longer than 78 characters`() throws {
        for text in texts(100) {
            let subject = text.replacing("\n", with: " ").replacing("\t", with: " ")
            let bytes = try message(subject, text, text, name: String(subject.prefix(100))).bytes
            let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
            #expect(lines.last == "")
            for line in lines {
                #expect(line.utf8.allSatisfy { (32...126).contains($0) }, "\(line.debugDescription)")
                #expect(line.utf8.count <= 78, "\(line)")
                #expect(line.last != " ")
            }
        }
    }

    @Test(.enabled(if: SMTPTestServer.isAvailable)) func `Python's parser reads the same subject, name, text and date`()
        throws
    {
        let all = texts(200)
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-messages-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let subjects = all.map {
            "s " + String($0.replacing("\n", with: "").replacing("\t", with: "").prefix(150)) + " s"
        }
        for (index, text) in all.enumerated() {
            try Data(message(subjects[index], text, text + "!", name: subjects[index]).bytes).write(
                to: folder.appending(path: "\(index)"))
        }
        struct Parsed: Decodable, Equatable {
            var subject: String, name: String, text: String, html: String, date: Double, defects: Int
        }
        let parsed = try JSONDecoder().decode(
            [Parsed].self, from: Python.run(["-c", Self.reader, folder.path, "\(all.count)"]))
        for (index, text) in all.enumerated() {
            #expect(parsed[index].subject == subjects[index])
            #expect(parsed[index].name == subjects[index])
            #expect(parsed[index].text == text)
            #expect(parsed[index].html == text + "!")
            #expect(parsed[index].date == 1_769_860_800)
            #expect(parsed[index].defects == 0)
            // ReceivedMail of TestKit reads the same.
            let own = ReceivedMail(source: String(decoding: try message(subjects[index], text).bytes, as: UTF8.self))
            #expect(own.subject == subjects[index])
            #expect(own.text == text)
        }
    }

    private static let reader = """
        import json, sys
        from email import message_from_bytes, policy
        from email.header import decode_header, make_header
        from email.utils import parseaddr
        # The newer address parser inserts spaces between encoded words, against RFC 2047: the older one reads the name.
        def name(raw): return str(make_header(decode_header(parseaddr(message_from_bytes(raw)["from"])[0])))
        seen = []
        for index in range(int(sys.argv[2])):
            raw = open(f"{sys.argv[1]}/{index}", "rb").read()
            message = message_from_bytes(raw, policy=policy.default)
            parts = [message.get_body(("plain",)), message.get_body(("html",))]
            text, html = (p.get_payload(decode=True).decode().replace("\\r\\n", "\\n") for p in parts)
            seen.append(dict(subject=message["subject"], name=name(raw), text=text, html=html,
                date=message["date"].datetime.timestamp(),
                defects=len(message.defects) + sum(len(p.defects) for p in parts)))
        print(json.dumps(seen))
        """

    @Test(arguments: ["a\r\nBcc: b@example.org", "a\nb", "a\rb", "a\u{0}b", "a\u{85}b", "a\u{2028}b"])
    func `text with a line break or a control character is refused in header fields`(_ text: String) throws {
        #expect(throws: HeaderFault.self) { try message(text) }
        #expect(throws: HeaderFault.self) { try message(name: text) }
    }

    @Test func `the same e-mail is encoded to the same bytes`() throws {
        let id: ID<Email> = Runtime.system.id()
        func make() throws -> [UInt8] {
            let content = RenderedEmail(subject: "s", text: "t", html: "h")
            return try Message(
                id: id, createdAt: Instant(seconds: 0), from: sender, to: Mailbox("user@example.org"), content
            ).bytes
        }
        let (first, second) = (try make(), try make())
        #expect(first == second)
        #expect(String(decoding: first, as: UTF8.self).hasPrefix("Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"))
    }

    @Test(arguments: [
        ("user@example.org", "user@example.org"), ("a+b.c@EXAMPLE.org", "a+b.c@example.org"),
        (".a.@example.org", "\".a.\"@example.org"),
        ("a,b<c>@example.org", "\"a,b<c>\"@example.org"), ("a\"\\b@example.org", "\"a\\\"\\\\b\"@example.org"),
    ])
    func `addresses are quoted and normalised as RFC 5322 requires`(_ text: String, _ expected: String) throws {
        #expect(try Mailbox(text).address == expected)
    }

    @Test(arguments: [
        "", "@", "a@", "@b", "a", "a b@example.org", "a@exa mple.org", "a@-b.org", "a@b..org", "a@b_c.org",
        "a@b.org\r\n", "\u{7F}@b.org",
    ])
    func `malformed addresses are refused`(_ text: String) {
        #expect(throws: UnusableAddress.malformed) { try Mailbox(text) }
    }

    @Test(.enabled(if: SMTPTestServer.isAvailable))
    func `non-ASCII domains are written as A-labels, the same as Python's idna package writes`() throws {
        let names = [
            "bücher.example", "BÜCHER.example", "日本語.jp", "правда.рф", "ελλάδα.gr",
            "a-ü.example",
            "üöä.üöä",
            "한국.kr", "ｅｘａｍｐｌｅ.org", "mañana.com", "aéb.c",
            "ü-b-c.de",
        ]
        let program =
            "import idna, json, sys; print(json.dumps([idna.encode(n, uts46=True).decode() for n in sys.argv[1:]]))"
        let expected = try JSONDecoder().decode([String].self, from: Python.run(["-c", program] + names))
        for (name, ascii) in zip(names, expected) { #expect(DomainName.ascii(name) == ascii) }
    }
}

extension Result {
    fileprivate var value: Success {
        switch self {
        case .success(let value): value
        case .failure(let error): preconditionFailure("\(error)")
        }
    }
}

/// A linear congruential generator with a fixed seed.
private struct SeededBytes {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}

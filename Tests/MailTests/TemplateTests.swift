import Base
import Foundation
import TestKit
import Testing

@testable import Mail

@Suite struct TemplateTests {
    private let templates: Templates
    private let sender: Sender

    init() throws {
        templates = try Templates()
        sender = Sender(name: "The <Gatehouse> & Co.", mailbox: try Mailbox("gate@house.example"))
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
        .appending(path: "Sources/Platform/Mail/Templates")

    private static func marker(_ name: String) -> String { name == "code" ? Email.code : "<\(name)&\"'>" }

    private static func letter(_ name: String) throws -> Email {
        let values = try #require(Email.known[name])
        return Email(
            name, to: "somebody@example.org", values: Dictionary(uniqueKeysWithValues: values.map { ($0, marker($0)) }))
    }

    @Test func `the folder holds two templates for each letter, and the frame, and nothing else`() throws {
        let files = Set(try FileManager.default.contentsOfDirectory(atPath: Self.folder.path))
        #expect(
            files
                == Set(
                    Email.known.keys.flatMap { ["\($0).txt.mustache", "\($0).html.mustache"] } + ["frame.html.mustache"]
                ))
    }

    @Test(arguments: Email.known.keys.sorted())
    func `a letter says everything that it was given, in both forms, escaped in HTML alone`(name: String) throws {
        let letter = try Self.letter(name)
        let rendered = try templates.render(letter, sender: sender)
        #expect(!rendered.subject.isEmpty && !rendered.subject.contains("\n"))
        #expect(rendered.text.hasPrefix("Hello"))
        #expect(rendered.text.hasSuffix("\n\(sender.name)\n"))
        #expect(rendered.html.hasPrefix("<!DOCTYPE html>"))
        for value in letter.values.keys {
            let marker = Self.marker(value)
            #expect(rendered.text.contains(marker), "\(value)")
            let escaped = marker.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
                .replacing("\"", with: "&quot;")
                .replacing("'", with: "&#39;")
            #expect(rendered.html.contains(escaped), "\(value)")
            #expect(marker == Email.code || !rendered.html.contains(marker), "\(value)")
        }
        #expect(!rendered.text.contains("{{") && !rendered.html.contains("{{"))
        #expect(!rendered.text.contains("&amp;") && !rendered.text.contains("\n\n\n"))
    }

    @Test(arguments: Email.known.keys.sorted()) func `a value that a template names and nobody gave is a fault`(
        name: String
    ) throws {
        let letter = try Self.letter(name)
        for value in letter.values.keys {
            let short = Email(name, to: letter.recipient, values: letter.values.filter { $0.key != value })
            #expect(throws: EmailFault.missingValues(name, [value])) { try templates.render(short, sender: sender) }
        }
    }

    @Test(arguments: Email.known.keys.sorted()) func `a letter to somebody without a name greets them all the same`(
        name: String
    ) throws {
        let letter = try Self.letter(name)
        let nameless = Email(name, to: letter.recipient, values: letter.values.merging(["name": ""]) { $1 })
        let rendered = try templates.render(nameless, sender: sender)
        #expect(rendered.text.hasPrefix("Hello,\n"))
        #expect(rendered.html.contains("<p>Hello,</p>"))
    }

    @Test func `an unknown letter is a fault`() {
        #expect(throws: EmailFault.unknownTemplate("frame")) {
            try templates.render(Email("frame", to: "a@example.org"), sender: sender)
        }
        #expect(throws: EmailFault.unknownTemplate("nothing")) {
            try templates.render(Email("nothing", to: "a@example.org"), sender: sender)
        }
    }

    @Test func `what somebody wrote stays on one line, and within bounds`() throws {
        let name = "Name\r\n\r\nYour new password is: \u{202E}123456\n\(String(repeating: "x", count: 300))"
        let rendered = try templates.render(.verification(name: name), sender: sender)
        let line = try #require(rendered.text.split(separator: "\n").first)
        #expect(line.hasPrefix("Hello Name"))
        #expect(line.hasSuffix("x…,"))
        #expect(line.count == Templates.valueLengthMax + "Hello ,".count)
        #expect(!rendered.text.contains("\u{202E}"))
        let organisation = Email(
            "invitation", to: "a@example.org",
            values: [
                "inviter": "Somebody", "organisation": "X\r\nBcc: b@example.org",
                "link": "https://app.example/?token=t", "expires": "2026-01-31T12:10:00Z",
            ])
        #expect(try !templates.render(organisation, sender: sender).subject.contains("\n"))
    }

    @Test func `a long link is left whole`() throws {
        let link = "https://app.example/verify?token=" + String(repeating: "a", count: 500)
        let letter = Email(
            "erasure-scheduled", to: "a@example.org",
            values: ["name": "Somebody", "when": "2026-02-14T00:00:00Z", "link": link])
        let rendered = try templates.render(letter, sender: sender)
        #expect(rendered.text.contains("\n\(link)\n"))
        #expect(rendered.text.contains("14 February 2026, 00:00 UTC"))
    }
}

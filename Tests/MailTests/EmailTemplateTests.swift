import Base
import Foundation
import TestKit
import Testing

@testable import Mail

@Suite struct EmailTemplateTests {
    private let templates: EmailTemplates
    private let sender: Sender

    init() throws {
        templates = EmailTemplates()
        sender = Sender(name: "The <Gatehouse> & Co.", mailbox: try Mailbox("gate@gatehouse.example"))
    }

    private static let folder = Repository.url("Sources/Platform/Mail/Templates")

    private static func marker(_ name: String) -> String { name == "code" ? Email.code : "<\(name)&\"'>" }

    private static func email(_ name: String) throws -> Email {
        let values = try #require(Email.requiredValues[name])
        return Email(
            name, to: "user@example.org", values: Dictionary(uniqueKeysWithValues: values.map { ($0, marker($0)) }))
    }

    @Test func `the folder contains two templates for each e-mail, the layout, and nothing else`() throws {
        let files = Set(try FileManager.default.contentsOfDirectory(atPath: Self.folder.path))
        #expect(
            files
                == Set(
                    Email.requiredValues.keys.flatMap { ["\($0).txt.mustache", "\($0).html.mustache"] } + [
                        "frame.html.mustache"
                    ]
                ))
    }

    @Test(arguments: Email.requiredValues.keys.sorted())
    func `an e-mail contains every value in both parts, escaped in HTML only`(name: String) throws {
        let email = try Self.email(name)
        let rendered = try templates.render(email, sender: sender)
        #expect(!rendered.subject.isEmpty && !rendered.subject.contains("\n"))
        #expect(rendered.text.hasPrefix("Hello"))
        #expect(rendered.text.hasSuffix("\n\(sender.name)\n"))
        #expect(rendered.html.hasPrefix("<!DOCTYPE html>"))
        for value in email.values.keys {
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

    @Test(arguments: Email.requiredValues.keys.sorted())
    func `a value that a template uses and the e-mail lacks is a fault`(
        name: String
    ) throws {
        let email = try Self.email(name)
        for value in email.values.keys {
            let incomplete = Email(name, to: email.recipient, values: email.values.filter { $0.key != value })
            #expect(throws: EmailFault.missingValues(name, [value])) {
                try templates.render(incomplete, sender: sender)
            }
        }
    }

    @Test(arguments: Email.requiredValues.keys.sorted())
    func `an e-mail to an account without a name starts with Hello`(
        name: String
    ) throws {
        let email = try Self.email(name)
        let nameless = Email(name, to: email.recipient, values: email.values.merging(["name": ""]) { $1 })
        let rendered = try templates.render(nameless, sender: sender)
        #expect(rendered.text.hasPrefix("Hello,\n"))
        #expect(rendered.html.contains("<p>Hello,</p>"))
    }

    @Test func `an unknown template is a fault`() {
        #expect(throws: EmailFault.unknownTemplate("frame")) {
            try templates.render(Email("frame", to: "a@example.org"), sender: sender)
        }
        #expect(throws: EmailFault.unknownTemplate("nothing")) {
            try templates.render(Email("nothing", to: "a@example.org"), sender: sender)
        }
    }

    @Test func `a value is rendered on one line and within its maximum length`() throws {
        let name = "Name\r\n\r\nYour new password is: \u{202E}123456\n\(String(repeating: "x", count: 300))"
        let rendered = try templates.render(.verification(name: name), sender: sender)
        let line = try #require(rendered.text.split(separator: "\n").first)
        #expect(line.hasPrefix("Hello Name"))
        #expect(line.hasSuffix("x…,"))
        #expect(line.count == EmailTemplates.valueLengthMax + "Hello ,".count)
        #expect(!rendered.text.contains("\u{202E}"))
        let organisation = Email(
            "invitation", to: "a@example.org",
            values: [
                "inviter": "Test User", "organisation": "X\r\nBcc: b@example.org",
                "link": "https://app.example/?token=t", "expires": "2026-01-31T12:10:00Z",
            ])
        #expect(try !templates.render(organisation, sender: sender).subject.contains("\n"))
    }

    @Test func `a long link is not shortened`() throws {
        let link = "https://app.example/verify?token=" + String(repeating: "a", count: 500)
        let email = Email(
            "erasure-scheduled", to: "a@example.org",
            values: ["name": "Test User", "when": "2026-02-14T00:00:00Z", "link": link])
        let rendered = try templates.render(email, sender: sender)
        #expect(rendered.text.contains("\n\(link)\n"))
        #expect(rendered.text.contains("14 February 2026, 00:00 UTC"))
    }
}

import App
import Base
import Modules
import TestKit
import Testing

@Suite struct EmailLengthTests {
    @Test(arguments: Engine.available)
    func `a text that is longer than an e-mail may be is not cut, but fails the step`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            for (length, subject) in [(100_000, "Whole"), (100_001, "Cut")] {
                let path = try await workflows.run(
                    [
                        Node.read("read", "a.txt"),
                        Node.make(
                            "mail", "send_email", "mail",
                            ["to": ["me"], "subject": .string(subject), "text": Node.output("read")], after: ["read"]),
                    ], ["context": ["files": ["a.txt": .string(String(repeating: "x", count: length))]]])
                let step = await workflows.step("mail", of: path)
                let mails = try await workflows.app.mail(to: workflows.person.email).filter { $0.subject == subject }
                if length > 100_000 {
                    #expect(step?["failure"] == "resource_exhaustion" && step?["attempts"] == 1)
                    #expect(step?["error"]?.string?.contains("100000 characters") == true)
                    #expect(mails.isEmpty)
                } else {
                    #expect(step?["status"] == "succeeded", "\(String(describing: step))")
                    #expect(mails.count == 1)
                }
            }
        }
    }
}

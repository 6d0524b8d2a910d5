import App
import TestKit
import Testing

/// The user's guide of the assistant, run as it is written.
@Suite struct GuideTests {
    @Test(.timeLimit(.minutes(3)), arguments: Engine.available)
    func `every request of the guide gets the response that the guide shows`(engine: Engine) async throws {
        let count = try await GuideRunner.run("assistant.md", engine, administrator: "admin_token")
        #expect(count == 16)
    }
}

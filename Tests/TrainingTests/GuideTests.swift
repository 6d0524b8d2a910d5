import TestKit
import Testing

/// The user's guide of training, run as it is written.
@Suite struct GuideTests {
    @Test(.timeLimit(.minutes(3)), arguments: Engine.available)
    func `every request of the guide gets the response that the guide shows`(engine: Engine) async throws {
        #expect(try await GuideRunner.run("training.md", engine, administrator: "admin_token") == 22)
    }
}

import Foundation
import TestKit
import Testing

/// The user's guide of training, run as it is written.
@Suite struct GuideTests {
    @Test(.timeLimit(.minutes(3)), arguments: Engine.available)
    func `every request of the guide gets the response that the guide shows`(engine: Engine) async throws {
        try await withTestApp(engine, runsJobs: true) { app in
            let administrator = try await app.administrator()
            let guide = GuideRunner(
                Self.root.appending(path: "docs/guides/training.md"), root: Self.root, app: app,
                variables: ["administrator_token": administrator.token])
            #expect(try await guide.run() == 22)
        }
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}

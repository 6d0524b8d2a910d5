import App
import Foundation
import Modules
import TestKit
import Testing

/// The document that is checked in is the one that the program answers with: a change of the interface is a line in the diff.
@Suite struct OpenAPISnapshotTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../docs/openapi.json"
    ).standardized

    @Test func `docs openapi json is what the program says`() async throws {
        try await withTestApp(.sqlite) { app in
            let text = OpenAPI(
                routes: app.app.routes.filter { $0.path != "/openapi.json" }, groups: documentGroups,
                version: gatehouseVersion)
                .text
            #expect(await app.call("GET", "/openapi.json").text == text)
            if ProcessInfo.processInfo.environment["GATEHOUSE_UPDATE_SNAPSHOTS"] == "1" {
                try text.write(to: Self.file, atomically: true, encoding: .utf8)
            }
            let kept = try? String(contentsOf: Self.file, encoding: .utf8)
            #expect(
                kept == text,
                "The interface has changed. Run `gatehouse openapi > docs/openapi.json`, and look at the difference before you commit it."
            )
        }
    }
}

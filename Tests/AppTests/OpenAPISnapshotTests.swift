import App
import Foundation
import Modules
import TestKit
import Testing

/// `docs/openapi.json` is the document that the server returns, so that a change of the API is visible in the diff.
@Suite struct OpenAPISnapshotTests {
    private static let file = Repository.url("docs/openapi.json")

    @Test func `docs openapi json is the document of the server`() async throws {
        try await withTestApp(.sqlite) { app in
            let text = OpenAPI(
                routes: app.app.routes.filter { $0.path != "/openapi.json" }, groups: documentGroups,
                version: gatehouseVersion
            )
            .text
            #expect(await app.call("GET", "/openapi.json").text == text)
            if ProcessInfo.processInfo.environment["GATEHOUSE_UPDATE_SNAPSHOTS"] == "1" {
                try text.write(to: Self.file, atomically: true, encoding: .utf8)
            }
            let checkedIn = try? String(contentsOf: Self.file, encoding: .utf8)
            #expect(
                checkedIn == text,
                "The API has changed. Run `gatehouse openapi > docs/openapi.json` and review the difference."
            )
        }
    }
}

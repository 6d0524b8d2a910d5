import Base
import TestKit
import Testing

@testable import Entitlements

@Suite struct CatalogueTests {
    private let meters = [Meter.uploads, .processing, .trainingRuns]
    private let features = [Feature("training", title: "Training")]

    private func faults(_ yaml: String) -> [String] {
        do {
            _ = try Catalogue(yaml: yaml, meters: meters, features: features)
            return []
        } catch {
            return (error as? CatalogueFaults)?.faults ?? ["\(error)"]
        }
    }

    @Test func `the built-in plans are those of the price list`() throws {
        let catalogue = try Catalogue(yaml: Catalogue.builtIn, meters: meters, features: features)
        #expect(catalogue.plans.map(\.id.text) == ["free", "basic", "pro", "enterprise"])
        #expect(catalogue.plans.filter { $0.start == .anyone }.map(\.name) == ["Free"])
        let free = try #require(catalogue[Plan.ID("free")])
        #expect(free.limit(of: .processing) == .upTo(5) && free.limit(of: .uploads) == .upTo(5))
        #expect(!free.includes(features[0]))
        #expect(free.fileBytes == .upTo(10 << 20) && free.storageBytes == .upTo(512 << 20))
        let enterprise = try #require(catalogue[Plan.ID("enterprise")])
        #expect(enterprise.limit(of: .trainingRuns) == .unlimited && enterprise.includes(features[0]))
        #expect(catalogue[Plan.ID("gold")] == nil)
    }

    @Test func `every fault of a catalogue is named at once`() {
        let found = faults(
            """
            plans:
              - { id: Free Plan, name: A, file_mb: 1, storage_mb: 1 }
              - { id: b, name: B, start: everybody, features: [training, flying], limits: { uploads: -2, dreams: 3 }, file_mb: -5, storage_mb: 1 }
              - { id: b, name: B2, file_mb: 1, storage_mb: -9 }
              - { id: c, name: C, file_mb: 1, storage_mb: 9000000000000 }
            """
        )
        #expect(found.count == 9, "\(found)")
        for word in [
            "Free Plan", "everybody", "flying", "'uploads' is negative", "'dreams'", "file_mb is negative", "storage_mb is negative", "twice",
            "storage_mb is more",
        ] {
            #expect(found.contains { $0.contains(word) }, "\(word) in \(found)")
        }
    }

    @Test(arguments: ["", "plans: []", "plans: 7", "plans:\n  - name: without an id", "[", "plans:\n  - { id: a, name: A, file_mb: many, storage_mb: 1 }"])
    func `a file that holds no plans is refused`(yaml: String) {
        #expect(faults(yaml).count == 1)
    }

    @Test func `what a plan does not mention it does not include, and −1 is no limit`() throws {
        let yaml = "plans:\n  - { id: a, name: A, limits: { uploads: -1 }, file_mb: -1, storage_mb: -1 }"
        let plan = try #require(try Catalogue(yaml: yaml, meters: meters, features: features).plans.first)
        #expect(plan.start == .administrator)
        #expect(plan.limit(of: .uploads) == .unlimited && plan.limit(of: .processing) == .upTo(0))
        #expect(plan.fileBytes == .unlimited && plan.storageBytes == .unlimited)
        #expect(!plan.includes(features[0]))
    }

    @Test func `the plans are listed in the order of the file, for everybody`() async throws {
        try await withTestApp(.sqlite) { app in
            let reply = await app.call("GET", "/api/plans")
            #expect(reply.status == 200)
            let plans = try #require(reply["plans"]?.array)
            #expect(plans.map { $0["id"]?.string } == ["free", "basic", "pro", "enterprise"])
            #expect(plans[0]["limits"] == ["uploads": 5, "processing": 5, "training_runs": 0])
            #expect(plans[0]["file_bytes"]?.integer == 10 << 20)
            #expect(plans[2]["features"] == ["training"])
            #expect(plans[3]["limits"]?["training_runs"]?.integer == -1)
        }
    }
}

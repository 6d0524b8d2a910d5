import Base
import Foundation
import SpotDecisions
import TestKit
import Testing

/// The model that comes with the program, its training, and files that are refused.
@Suite struct RiskModelTests {
    private static func embeddedFile() throws -> [UInt8] {
        try Array(
            Data(
                contentsOf: Repository.url("Sources/Platform/SpotDecisions/Data/risk-model.json")))
    }

    private static func report() throws -> RiskReport {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            RiskReport.self,
            from: Data(
                contentsOf: Repository.url("Sources/Platform/SpotDecisions/Data/risk-report.json")))
    }

    @Test func `the embedded model has the report beside it, and beats every single feature`() throws {
        let report = try Self.report()
        #expect(report.digest == RiskModel.embedded.digest && report.version == RiskModel.embedded.version)
        #expect(report.auc >= 0.89)
        #expect(report.singleFeatures.count == 11 && report.singleFeatures.allSatisfy { $0.auc < report.auc })
        #expect(report.trials.max { $0.auc < $1.auc }?.setup == report.setup, "chosen within the training time")
        #expect(report.threshold.threshold == RiskModel.embedded.threshold)
    }

    @Test func `the embedded model rates a rising pool above one at its floor`() throws {
        let features = try RiskFixture.features()
        let time = try #require(Instant("2021-04-20T12:00:00Z"))
        let risk = RiskModel.embedded.risk(features, at: time)
        #expect(risk.count == 6 && risk.values.allSatisfy { (0...1).contains($0) })
        let (rising, calm) = try (
            #require(risk[RiskFixture.p2]), #require(risk[SpotPool("p2.8xlarge", "us-east-1b")])
        )
        #expect(rising > calm)
    }

    @Test(arguments: [
        (#""format":"gatehouse-risk-model""#, #""format":"other""#), (#""format_version":1"#, #""format_version":2"#),
        (#""price_position""#, #""price""#), (#""digest":""#, #""digest":"0"#),
        (#""threshold":0."#, #""threshold":7."#),
        (#""booster""#, #""trees""#), (#""split_conditions":["#, #""split_conditions":[0,"#),
    ])
    func `a changed file is refused`(part: String, replacement: String) throws {
        let text = String(decoding: try Self.embeddedFile(), as: UTF8.self)
        let changed = text.replacingOccurrences(of: part, with: replacement)
        #expect(changed != text)
        #expect(throws: RiskModelFault.self) { try RiskModel(Array(changed.utf8)) }
    }

    @Test func `one changed number is found by the digest`() throws {
        var text = String(decoding: try Self.embeddedFile(), as: UTF8.self)
        let range = try #require(text.range(of: #""threshold":0."#))
        text.replaceSubrange(range, with: #""threshold":0.0"#)
        #expect(throws: RiskModelFault.unreadable("its digest is not the one of its content")) {
            try RiskModel(Array(text.utf8))
        }
    }

    @Test func `a pickle is refused with the reason, by its name and by its content`() throws {
        #expect(throws: RiskModelFault.pickle) { try RiskModel(contentsOf: "/nowhere/model.pkl") }
        #expect(throws: RiskModelFault.pickle) { try RiskModel([0x80, 4, 0x95, 0], named: "model.json") }
        #expect(RiskModelFault.pickle.description.contains("gatehouse risk train"))
        #expect(throws: RiskModelFault.unreadable("/nowhere/model.json cannot be opened")) {
            try RiskModel(contentsOf: "/nowhere/model.json")
        }
        #expect(throws: RiskModelFault.self) { try RiskModel(Array("[1,2".utf8)) }
    }

    @Test func `a pipe, a device, a folder and a file that is too large are refused before they are read`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "risk-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let pipe = folder.appending(path: "model.json").path()
        try #require(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, "/dev/zero", folder.path()] {
            #expect(throws: RiskModelFault.unreadable("\(path) is not a regular file")) {
                try RiskModel(contentsOf: path)
            }
        }
        // Without contents on the disk.
        let large = folder.appending(path: "large.json").path()
        try #require(FileManager.default.createFile(atPath: large, contents: nil))
        try #require(truncate(large, off_t(RiskModel.bytesMax + 1)) == 0)
        #expect(throws: RiskModelFault.tooLarge) { try RiskModel(contentsOf: large) }
    }

    @Test func `a training writes a model that is read again, with its report and its plot`() throws {
        let prices = try Array(Data(contentsOf: RiskFixture.file))
        let until = try #require(Instant("2021-05-01T00:00:00Z"))
        var steps: [String] = []
        let result = try RiskTraining(until: until, setups: [.shallow]).run(prices, now: RiskFixture.now) {
            steps.append($0)
        }
        let model = try RiskModel(result.file)
        #expect(model == result.model && result.report.digest == model.digest)
        #expect(model.version == String(model.digest.prefix(12)))
        #expect(result.report.pools == 6 && result.report.trials.count == 1)
        #expect(result.report.calibration.reduce(0) { $0 + $1.rows } == result.report.test.rows)
        #expect(steps.count == 4)
        #expect(String(decoding: result.plot.prefix(200), as: UTF8.self).contains("<svg"))
        let again = try RiskTraining(until: until, setups: [.shallow]).run(prices, now: RiskFixture.now)
        #expect(again.file == result.file, "equal prices give equal models")
    }

    @Test func `prices without rises, and a time outside of them, cannot be trained on`() {
        let calm = Array(RiskFixture.list(Array(repeating: 0.03, count: 200)).utf8)
        for until in ["2021-04-10T00:00:00Z", "2020-01-01T00:00:00Z", "2022-01-01T00:00:00Z"] {
            #expect(throws: (any Error).self) {
                try RiskTraining(until: #require(Instant(until))).run(calm, now: RiskFixture.now)
            }
        }
    }
}

/// Metrics of orderings, with the values of scikit-learn.
@Suite struct RankMetricsTests {
    @Test func `the area and the average precision are those of scikit-learn`() throws {
        let scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4]
        let labels = [false, false, true, true, true, false]
        let metrics = RankMetrics(scores: scores, labels: labels)
        #expect(abs(try #require(metrics.auc) - 0.666_666_666_667) < 1e-9)
        #expect(abs(try #require(metrics.averagePrecision) - 0.7) < 1e-9)
    }

    @Test func `one class alone has no area`() {
        #expect(RankMetrics(scores: [0.1, 0.2], labels: [false, false]).auc == nil)
        #expect(RankMetrics(scores: [0.1, 0.2], labels: [false, false]).averagePrecision == nil)
        #expect(RankMetrics(scores: [], labels: []).auc == nil)
    }
}

import Forecasting
import Foundation
import TestKit
import Testing

/// Compares results with those of NumPy on the same arrays.
@Suite(.enabled(if: NumPy.isInstalled, "NumPy is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct NumPyTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    @Test func `coefficients and metrics of LIN equal NumPy's to eight digits`() throws {
        let dataset = try fixture.datasets(RealDataTests.recipe(fixture, split: .init()))
        let model = try #require(ForecastParameters(.linear).train(on: dataset) as? LinearModel)
        let evaluation = try Evaluation(of: model, on: dataset)
        let peer = try NumPy.linear(fixture.file("datasets"))
        #expect(peer.coefficients.count == 5)
        for (own, theirs) in zip(model.weights + model.intercepts, peer.coefficients) { #expect(isClose(own, theirs)) }
        for metric in Evaluation.Metric.allCases {
            let own = try #require(evaluation.model.overall["seattle"]?[metric.rawValue])
            let theirs = try #require(peer.metrics[metric.rawValue])
            #expect(own.count == 6 && theirs.count == 6)
            for (a, b) in zip(own, theirs) { #expect(isClose(try #require(a), b), "\(metric)") }
        }
    }

    @Test func `rank-deficient columns get NumPy's minimum-norm weights`() throws {
        var recipe = try RealDataTests.recipe(fixture, split: .init())
        recipe.inputs.append(
            .init(name: "seattle again", series: recipe.inputs[0].series, horizon: .init(-5, 0), scaling: .init(-3, 8)))
        recipe.timeFeatures.features.append(.init(.holiday, form: .current))
        recipe.timeFeatures.country = .switzerland
        let dataset = try fixture.datasets(recipe)
        let model = try #require(ForecastParameters(.linear).train(on: dataset) as? LinearModel)
        let peer = try NumPy.linear(fixture.file("datasets"))
        for (own, theirs) in zip(model.weights + model.intercepts, peer.coefficients) { #expect(isClose(own, theirs)) }
    }

    private func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-8 * max(abs(a), abs(b)) }
}

/// The solution of NumPy.
enum NumPy {
    struct Solution: Decodable {
        var coefficients: [Double]
        var metrics: [String: [Double]]
    }

    static let isInstalled = (try? Python.run(["-c", "import numpy"])) != nil

    static func linear(_ folder: URL) throws -> Solution {
        try JSONDecoder().decode(Solution.self, from: Python.run(["-c", script, folder.path]))
    }

    /// Scaled least squares on the training part, and the metrics of the test part in original units.
    private static let script = """
        import json, sys
        import numpy as np

        folder = sys.argv[1]
        X, Y = np.load(folder + "/inputs.npy"), np.load(folder + "/outputs.npy")
        manifest = json.load(open(folder + "/manifest.json"))
        train = manifest["split"]["train"]

        def scale(a, columns):
            a = a.copy()
            for i, column in enumerate(columns):
                target = column.get("target")
                if target:
                    low, high = a[:train, :, i].min(), a[:train, :, i].max()
                    width = target["maximum"] - target["minimum"]
                    a[:, :, i] = (a[:, :, i] - low) / (high - low) * width + target["minimum"]
            return a

        S, T = scale(X, manifest["inputScaler"]["columns"]), scale(Y, manifest["outputScaler"]["columns"])
        def design(a):
            a = a.reshape(-1, a.shape[-1])
            return np.c_[a, np.ones(len(a))]
        coefficients, *_ = np.linalg.lstsq(design(S[:train]), T[:train].reshape(-1, T.shape[-1]), rcond=None)

        # Datasets between the parts are left out, so the test part is counted from the end.
        test = slice(len(X) - manifest["split"]["test"], None)
        f = (design(S[test]) @ coefficients).reshape(-1, Y.shape[1])
        low, high = Y[:train].min(), Y[:train].max()
        target = manifest["outputScaler"]["columns"][0]["target"]
        f = (f - target["minimum"]) / (target["maximum"] - target["minimum"]) * (high - low) + low
        y = Y[test][:, :, 0]
        metrics = {}
        for n in range(1, min(12, Y.shape[1]) + 1):
            blocks = Y.shape[1] // n
            a = y[:, :blocks * n].reshape(-1, blocks, n).mean(-1).ravel()
            b = f[:, :blocks * n].reshape(-1, blocks, n).mean(-1).ravel()
            e = np.abs(a - b)
            values = dict(
                MAE=e.mean(), MAPE=100 * (e / np.abs(a)).mean(), MSE=(e * e).mean(), RMSE=np.sqrt((e * e).mean()),
                NRMSE=np.sqrt((e * e).mean()) / a.mean(), WAPE=100 * e.sum() / np.abs(a).sum(),
                sMAPE=100 * (e / ((np.abs(a) + np.abs(b)) / 2)).mean(), MASE=e.mean() / np.abs(np.diff(a)).mean())
            for key, value in values.items():
                metrics.setdefault(key, []).append(float(value))
        print(json.dumps(dict(coefficients=coefficients.ravel().tolist(), metrics=metrics)))
        """
}

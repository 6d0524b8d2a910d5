import Client
import Foundation
import Modules

/// Training, its metrics and its plot.
extension Tour {
    func trainWithoutFeature(_ session: TrainingSessionName, _ account: TourAccount) async throws {
        let response = try await runner.step(
            .post, "/api/training/train-models/\(session.id)", by: account.client,
            body: .json(["model_parameters": ["MODE": "LIN"]]),
            expect: .refused(
                403, "feature-not-available", "Training not available", ["plan": "Free", "feature": "training"]),
            "Free does not include training; the body:"
        )
        runner.note(response.text)
    }

    /// Trains a model and waits for its end.
    func train(_ name: String, _ parameters: JSONValue, _ session: TrainingSessionName, _ account: TourAccount)
        async throws -> ModelErrors
    {
        try await begin(name, parameters, session, account)
        return try await finish(name, session, account)
    }

    /// As ``train(_:_:_:_:)``, and starts another run meanwhile, which is refused.
    func trainWithConflict(
        _ name: String, _ parameters: JSONValue, _ session: TrainingSessionName, _ account: TourAccount
    )
        async throws -> ModelErrors
    {
        try await begin(name, parameters, session, account)
        try await runner.step(
            .post, "/api/training/train-models/\(session.id)", by: account.client,
            body: .json(["model_parameters": parameters]),
            expect: .refused(409, "training-in-progress", "A run of this session is under way"),
            "a second run at the same time: refused, and not charged"
        )
        return try await finish(name, session, account)
    }

    private func begin(_ name: String, _ parameters: JSONValue, _ session: TrainingSessionName, _ account: TourAccount)
        async throws
    {
        let body: JSONValue = ["model_parameters": parameters, "training_split": Self.split]
        let path = "/api/training/train-models/\(session.id)"
        try await runner.step(
            .post, path, by: account.client, body: .json(body),
            expect: Expectation(status: 202, members: ["success": true])
        ) { response in
            "\(name) is being trained, run \(try response.text(at: "run_id").prefix(8))…"
        }
    }

    private func finish(_ name: String, _ session: TrainingSessionName, _ account: TourAccount) async throws
        -> ModelErrors
    {
        try await runner.follow("/api/training/status/\(session.id)", by: account.client)
        let models = try await runner.step(
            .get, "/api/training/list-models-database/\(session.id)", by: account.client, expect: .ok
        ) { response in
            "\(try response.at("data", "count").text) stored; the latest is \(try Self.latest(response))"
        }
        let path = "/api/training/evaluation-tables/\(session.id)"
        let tables = try await runner.step(.get, path, by: account.client, expect: .ok(["model_type": .string(name)])) {
            response in
            let levels = try response.at("df_eval", Series.seattleAfter.label, "MAE").array?.count ?? 0
            return "metrics of the test part, at \(levels) levels of averaging"
        }
        do {
            return ModelErrors(
                name: name,
                fileName: try Self.latest(models),
                mae: try Self.metric("MAE", "df_eval", tables),
                rmse: try Self.metric("RMSE", "df_eval", tables),
                persistenceMAE: try Self.metric("MAE", "persistence", tables),
                persistenceRMSE: try Self.metric("RMSE", "persistence", tables)
            )
        } catch let difference as Difference {
            throw Failure("GET \(path)\n  expected  \(difference.expected)\n  got       \(difference.got)")
        }
    }

    private static func latest(_ models: JSONValue) throws -> String {
        guard let name = try models.at("data", "models")[0]?["filename"]?.string else {
            throw Difference(expected: "a model", got: models.text)
        }
        return name
    }

    /// Over all steps, without averaging.
    private static func metric(_ name: String, _ table: String, _ tables: JSONValue) throws -> Double {
        let values = try tables.at(table, Series.seattleAfter.label, name)
        guard let value = values[0]?.number else {
            throw Difference(expected: "\(table).\(name) as a list of numbers", got: values.text)
        }
        return value
    }

    /// Prints the errors.
    /// - Throws: ``Failure`` where a model is not better than persistence, or the best MAE is above half of its MAE.
    func compare(_ models: [ModelErrors]) throws {
        guard let persistence = models.first else { return }
        func row(_ name: String, _ mae: Double, _ rmse: Double) -> [String] {
            let share = String(format: "%.0f %%", 100 * mae / persistence.persistenceMAE)
            return [name, String(format: "%6.3f", mae), String(format: "%6.3f", rmse), Text.rightAligned(share, to: 5)]
        }
        let head = ["°F, 1 to 6 hours ahead", "   MAE", "  RMSE", "MAE, share of persistence"]
        let rows =
            [head, row("persistence", persistence.persistenceMAE, persistence.persistenceRMSE)]
            + models.map { row($0.name, $0.mae, $0.rmse) }
        Terminal.print()
        Text.table(rows, indent: "    ", gap: 3).forEach { Terminal.print($0) }
        Terminal.print()
        for model in models where model.mae >= model.persistenceMAE || model.rmse >= model.persistenceRMSE {
            throw Failure(
                "\(model.name)\n  expected  smaller errors than persistence\n"
                    + "  got       MAE \(model.mae), RMSE \(model.rmse)")
        }
        let best = models.map(\.mae).min() ?? .infinity
        guard best <= persistence.persistenceMAE / 2 else {
            throw Failure(
                "The better model\n  expected  at most half of persistence's MAE, \(persistence.persistenceMAE / 2)\n"
                    + "  got       \(best)")
        }
    }

    /// Saves a plot of one week: the best model's forecasts six hours ahead, and the measured values.
    func savePicture(_ models: [ModelErrors], _ session: TrainingSessionName, _ account: TourAccount) async throws {
        guard let best = models.min(by: { $0.mae < $1.mae }) else { return }
        let settings: JSONValue = ["datasets": .integer(Self.hoursPerWeek), "format": .string(pictureFormat)]
        let body: JSONValue = [
            "sessionId": .string(session.id), "plot_settings": settings, "model_id": .string(best.fileName),
        ]
        var bytes = Data()
        try await runner.step(.post, "/api/training/generate-plot", by: account.client, body: .json(body), expect: .ok)
        { response in
            let url = try response.text(at: "plot_data")
            guard url.hasPrefix("data:image/\(pictureFormat)"), let comma = url.firstIndex(of: ","),
                let decoded = Data(base64Encoded: String(url[url.index(after: comma)...]))
            else {
                throw Difference(expected: "plot_data as a data URL of an image", got: String(url.prefix(80)))
            }
            bytes = decoded
            return "the forecast of \(best.name) and the measured values, \(decoded.count / 1024) kB"
        }
        try bytes.write(to: URL(filePath: picture))
        runner.note("saved as \(URL(filePath: picture).path)")
    }
}

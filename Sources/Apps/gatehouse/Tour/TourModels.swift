import Client
import Foundation
import Modules

/// A trained model, as far as the tour compares them: errors in original units, beside those of carrying the last value on.
struct Judged: Sendable {
    let name: String
    let fileName: String
    let mae: Double
    let rmse: Double
    let persistenceMAE: Double
    let persistenceRMSE: Double
}

/// Training, its metrics and its picture.
extension Tour {
    func beRefusedTraining(_ session: TrainingSessionName, _ customer: Customer) async throws {
        let answer = try await guide.step(
            .post, "/api/training/train-models/\(session.id)", by: customer.client,
            body: .json(["model_parameters": ["MODE": "LIN"]]),
            expect: .refused(
                403, "feature-not-available", "Training not available", ["plan": "Free", "feature": "training"]),
            "Free does not include training; the body says so:"
        )
        guide.remark(answer.text)
    }

    /// Trains a model and follows it to its end.
    func train(_ name: String, _ parameters: JSONValue, _ session: TrainingSessionName, _ customer: Customer)
        async throws -> Judged
    {
        try await begin(name, parameters, session, customer)
        return try await finish(name, session, customer)
    }

    /// As ``train(_:_:_:_:)``, and tries to start another one meanwhile.
    func trainWatched(_ name: String, _ parameters: JSONValue, _ session: TrainingSessionName, _ customer: Customer)
        async throws -> Judged
    {
        try await begin(name, parameters, session, customer)
        try await guide.step(
            .post, "/api/training/train-models/\(session.id)", by: customer.client,
            body: .json(["model_parameters": parameters]),
            expect: .refused(409, "training-in-progress", "A run of this session is under way"),
            "a second one at once: refused, and not charged"
        )
        return try await finish(name, session, customer)
    }

    private func begin(_ name: String, _ parameters: JSONValue, _ session: TrainingSessionName, _ customer: Customer)
        async throws
    {
        let body: JSONValue = ["model_parameters": parameters, "training_split": Self.split]
        let path = "/api/training/train-models/\(session.id)"
        try await guide.step(
            .post, path, by: customer.client, body: .json(body),
            expect: Expectation(status: 202, members: ["success": true])
        ) { answer in
            "\(name) is being trained, run \(try answer.text(at: "run_id").prefix(8))…"
        }
    }

    private func finish(_ name: String, _ session: TrainingSessionName, _ customer: Customer) async throws -> Judged {
        try await guide.follow("/api/training/status/\(session.id)", by: customer.client)
        let models = try await guide.step(
            .get, "/api/training/list-models-database/\(session.id)", by: customer.client, expect: .ok
        ) { answer in
            "\(try answer.at("data", "count").text) kept; the latest is \(try Self.latest(answer))"
        }
        let path = "/api/training/evaluation-tables/\(session.id)"
        let tables = try await guide.step(.get, path, by: customer.client, expect: .ok(["model_type": .string(name)])) {
            answer in
            "metrics on the test part, at \(try answer.at("df_eval", Series.seattleAfter.label, "MAE").array?.count ?? 0) levels of averaging"
        }
        do {
            return Judged(
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

    /// Each model has to beat persistence, and the better of them has to halve its error.
    func compare(_ models: [Judged]) throws {
        guard let persistence = models.first else { return }
        func row(_ name: String, _ mae: Double, _ rmse: Double) -> [String] {
            let share = String(format: "%.0f %%", 100 * mae / persistence.persistenceMAE)
            return [name, String(format: "%6.3f", mae), String(format: "%6.3f", rmse), Text.rightAligned(share, to: 5)]
        }
        let head = ["°F, 1 to 6 hours ahead", "   MAE", "  RMSE", "MAE beside persistence"]
        let rows =
            [head, row("persistence", persistence.persistenceMAE, persistence.persistenceRMSE)]
            + models.map { row($0.name, $0.mae, $0.rmse) }
        Terminal.say()
        Text.table(rows, indent: "    ", gap: 3).forEach { Terminal.say($0) }
        Terminal.say()
        for model in models where model.mae >= model.persistenceMAE || model.rmse >= model.persistenceRMSE {
            throw Failure(
                "\(model.name)\n  expected  smaller errors than persistence\n  got       MAE \(model.mae), RMSE \(model.rmse)"
            )
        }
        let best = models.map(\.mae).min() ?? .infinity
        guard best <= persistence.persistenceMAE / 2 else {
            throw Failure(
                "The better model\n  expected  at most half of persistence's MAE, \(persistence.persistenceMAE / 2)\n  got       \(best)"
            )
        }
    }

    /// A week of the best model's forecasts six hours ahead, beside what came true.
    func savePicture(_ models: [Judged], _ session: TrainingSessionName, _ customer: Customer) async throws {
        guard let best = models.min(by: { $0.mae < $1.mae }) else { return }
        let settings: JSONValue = ["datasets": .integer(Self.hoursOfAWeek), "format": .string(pictureFormat)]
        let body: JSONValue = [
            "sessionId": .string(session.id), "plot_settings": settings, "model_id": .string(best.fileName),
        ]
        var bytes = Data()
        try await guide.step(.post, "/api/training/generate-plot", by: customer.client, body: .json(body), expect: .ok)
        { answer in
            let address = try answer.text(at: "plot_data")
            guard address.hasPrefix("data:image/\(pictureFormat)"), let comma = address.firstIndex(of: ","),
                let decoded = Data(base64Encoded: String(address[address.index(after: comma)...]))
            else {
                throw Difference(expected: "plot_data as a data URL of a picture", got: String(address.prefix(80)))
            }
            bytes = decoded
            return "the forecast of \(best.name) beside the truth, \(decoded.count / 1024) kB"
        }
        try bytes.write(to: URL(filePath: picture))
        guide.remark("saved as \(URL(filePath: picture).path)")
    }
}

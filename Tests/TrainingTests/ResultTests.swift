import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

@Suite struct ResultTests {
    @Test(arguments: Engine.available)
    func `results and tables have the shape of the API`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets(inputs: 3, outputs: 3)
            for path in ["results/s", "evaluation-tables/s"] {
                #expect(await fixture.get(path).code == "results-not-found")
            }
            #expect(await fixture.get("visualizations/s")["plots"]?.object?.count == 2)
            try await fixture.train("s", Samples.dense)
            let result = await fixture.get("results/s")
            #expect(
                result["mode"]?.string == "Dense" && result["layers"]?.integer == 1 && result["neurons"]?.integer == 4
                    && result["seed"]?.integer == 7)
            #expect(result["epochs"]?.array?.count == 3 && result["epochs"]?[0]?["validation_loss"]?.number != nil)
            #expect(result["datasets_tested"]?.integer == 19 || result["datasets_tested"]?.integer == 20, "\(result)")
            #expect(await fixture.get("get-training-results/s").json == result.json)
            let tables = await fixture.get("evaluation-tables/s")
            #expect(tables["model_type"]?.string == "Dense")
            let overall = try #require(tables["df_eval"]?["series.csv"]?.object)
            #expect(
                Set(overall.keys) == ["delta [min]", "MAE", "MAPE", "MSE", "RMSE", "NRMSE", "WAPE", "sMAPE", "MASE"])
            // Three steps can be averaged over one, two and three.
            #expect(overall["delta [min]"] == [60, 120, 180] && overall.values.allSatisfy { $0.array?.count == 3 })
            let bySteps = try #require(tables["df_eval_ts"]?["series.csv"]?.object)
            #expect(Set(bySteps.keys) == ["60", "120", "180"])
            #expect(bySteps["60"]?["MAE"]?.array?.count == 3 && bySteps["120"]?["MAE"]?.array?.count == 1)
            #expect(tables["persistence"]?["series.csv"]?["MAE"]?.array?.count == 3)
            #expect(tables["persistence_ts"]?["series.csv"]?["60"]?["MAE"]?.array?.count == 3)
            let seasonal = try #require(tables["seasonal_naive"]?.object)
            #expect(Set(seasonal.keys) == ["24", "168"])
            #expect(seasonal["24"]?["df_eval"]?["series.csv"]?["MAE"]?.array?.count == 3)
            #expect(seasonal["168"]?["df_eval_ts"]?["series.csv"]?["60"]?["MAE"]?.array?.count == 3)
            let mae = try #require(overall["MAE"]?[0]?.number), rmse = try #require(overall["RMSE"]?[0]?.number)
            #expect(mae > 0 && rmse >= mae)

            let plots = try #require(await fixture.get("visualizations/s")["plots"]?.object)
            #expect(Set(plots.keys) == ["IN1 series.csv", "OUT1 series.csv", "forecast series.csv", "loss"])
            #expect(
                plots.values.allSatisfy { $0["data"]?.string?.hasPrefix("data:image/png;base64,iVBORw0KGgo") == true })
            #expect(Set(plots.values.compactMap { $0["type"]?.string }) == ["input", "output", "forecast", "loss"])
        }
    }

    @Test(arguments: Engine.available)
    func `models are listed and downloaded as safetensors`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            #expect(await fixture.get("download-model-h5/s").code == "model-not-found")
            try await fixture.train()
            try await fixture.train("s", Samples.dense)
            let list = await fixture.get("list-models-database/s")
            let models = try #require(list["data"]?["models"]?.array)
            #expect(
                list["success"]?.bool == true && list["data"]?["count"]?.integer == 2
                    && models.map { $0["mode"]?.string } == ["Dense", "LIN"])
            for model in models {
                let name = try #require(model["filename"]?.string)
                let file = await fixture.get("download-model-h5/s?filename=\(name)")
                #expect(file.status == 200 && file.headers["content-disposition"] == "attachment; filename=\"\(name)\"")
                #expect(Int64(file.bytes.count) == model["bytes"]?.integer)
                // Eight bytes with the length of the header, little-endian, then the header as JSON.
                let length = file.bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
                let header = try JSONDecoder().decode(
                    JSONValue.self, from: Data(file.bytes.dropFirst(8).prefix(length)))
                #expect(header["__metadata__"]?["mode"] == model["mode"])
                #expect(header.object?.values.contains { $0["dtype"] != nil } == true)
            }
            #expect(
                await fixture.get("download-model-h5/s").headers["content-disposition"]?.contains("dense-") == true)
            for name in ["other.safetensors", "..%2F..%2Fmanifest.json", "../manifest.json", "manifest.json", ""] {
                #expect(await fixture.get("download-model-h5/s?filename=\(name)").status == 404, "\(name)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `scalers are fitted on the training part alone`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            // The values ascend: those of the training part end at the 138th dataset.
            try await fixture.prepareDatasets(series: Samples.hourly(200) { Double($0) })
            let scalers = await fixture.get("scalers/s")
            #expect(scalers["fitted_on"]?.string == "the training part: 138 of 198 datasets")
            let input = try #require(scalers["input_scaler"]?[0])
            #expect(
                input["name"]?.string == "series.csv" && input["data_min"]?.number == 0
                    && input["data_max"]?.number == 138)
            #expect(input["target_min"]?.number == 0 && input["target_max"]?.number == 1)
            #expect(scalers["output_scaler"]?[0]?["data_max"]?.number == 139)
            let file = await fixture.get("scalers/s/download")
            #expect(
                file.json == scalers.json
                    && file.headers["content-disposition"] == "attachment; filename=\"scalers.json\"")
            let scaled = await fixture.post("scale-data/s", ["input_data": [[0], [138], [69], [276]]])
            #expect(scaled["scaled_data"] == [[0], [1], [0.5], [2]] && scaled["scaling_info"] == scalers.json)
            for (body, pointer) in [
                (["input_data": [[1, 2]]], "/input_data/0"), (["input_data": [[1], []]], "/input_data/1"),
                (["input_data": [1]], "/input_data/0"),
                (["input_data": [["x"]]], "/input_data/0/0"), ([:], "/input_data"),
                (["input_data": [[-1e308], [1e308]]], ""),
            ] as [(JSONValue, String)] {
                let refused = await fixture.post("scale-data/s", body)
                if !pointer.isEmpty {
                    #expect(refused.status == 422 && refused.pointers == [pointer], "\(refused)")
                } else {
                    #expect(refused.status < 500, "\(refused)")
                }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `arrays are downloaded as NumPy files`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare()
            #expect(await fixture.get("download-arrays/s").code == "results-not-found")
            try await fixture.generate()
            for (name, shape, kind) in [
                ("inputs", "(198, 2, 1,)", "<f8"), ("outputs", "(198, 2, 1,)", "<f8"), ("references", "(198,)", "<i8"),
            ] {
                let file = await fixture.get("download-arrays/s?name=\(name)")
                #expect(file.status == 200 && file.bytes.starts(with: [0x93] + Array("NUMPY".utf8)))
                let length = Int(file.bytes[8]) | Int(file.bytes[9]) << 8
                let header = String(decoding: file.bytes.dropFirst(10).prefix(length), as: UTF8.self)
                #expect(header.contains("'descr': '\(kind)'") && header.contains("'shape': \(shape)"), "\(header)")
                #expect(file.bytes.count == 10 + length + 198 * 8 * (name == "references" ? 1 : 2))
            }
            #expect(await fixture.get("download-arrays/s?name=../manifest").status == 422)
            #expect(
                await fixture.get("download-arrays/s").headers["content-disposition"]
                    == "attachment; filename=\"inputs.npy\"")
        }
    }

    @Test(arguments: Engine.available)
    func `a prediction takes one row or many`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            // The series is linear, so LIN predicts the next two values exactly.
            try await fixture.prepareDatasets(series: Samples.hourly(200) { Double($0) * 2 + 1 })
            #expect(await fixture.post("predict/s", ["input_data": [[1], [3]]]).code == "model-not-found")
            try await fixture.train()
            let one = await fixture.post("predict/s", ["input_data": [[11], [13]]])
            #expect(
                one.status == 200 && one["input_count"]?.integer == 1 && one["scaling_applied"]?.bool == true
                    && one["timestamp"]?.string == fixture.app.clock.now.description)
            let first = try #require(one["predictions"]?[0]?.array?.compactMap { $0[0]?.number })
            #expect(first.count == 2 && abs(first[0] - 13) < 1e-6 && abs(first[1] - 15) < 1e-6, "\(first)")
            let name = try #require(one["model_used"]?.string)
            let many = await fixture.post(
                "predict/s",
                ["model_filename": .string(name), "input_data": [[[11], [13]], [[101], [103]], [[-5], [-3]]]])
            let last = try #require(many["predictions"]?.array?.compactMap { $0[1]?[0]?.number })
            #expect(
                many["input_count"]?.integer == 3 && zip(last, [15.0, 105, -1]).allSatisfy { abs($0 - $1) < 1e-6 },
                "\(last)")
            let scaled = await fixture.post("predict/s", ["apply_scaling": false, "input_data": [[0], [0.5]]])
            #expect(scaled["scaling_applied"]?.bool == false && scaled["predictions"]?[0]?[0]?[0]?.number != nil)
            // Large inputs are valid as long as the result is finite.
            let large = await fixture.post("predict/s", ["input_data": [[1e300], [-1e300]]])
            #expect(large.status == 200 && large["predictions"]?[0]?[1]?[0]?.number?.isFinite == true, "\(large)")
            let wrong: [(JSONValue, String)] = [
                (7, "/input_data"), ([], "/input_data"), ([1, 2], "/input_data"), ([[1]], "/input_data"),
                ([[1], [2], [3]], "/input_data"),
                ([[1, 2], [3, 4]], "/input_data/0"), ([[1], ["x"]], "/input_data/1/0"),
                ([[[1], [2]], [[1]]], "/input_data/1"),
                ([[[1], [2]], 7], "/input_data/1"), ([[], []], "/input_data/0"), (.null, "/input_data"),
                ([[.null], [1]], "/input_data/0/0"),
            ]
            for (input, pointer) in wrong {
                let refused = await fixture.post("predict/s", ["input_data": input])
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(input) \(refused)")
            }
            #expect(await fixture.post("predict/s", [:]).pointers == ["/input_data"])
            #expect(
                await fixture.post("predict/s", ["model_filename": "other", "input_data": [[1], [2]]]).code
                    == "model-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `plots of the chosen columns are PNG or SVG`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            #expect(await fixture.post("generate-plot", ["sessionId": "s"]).code == "model-not-found")
            try await fixture.train()
            let plot = await fixture.post("generate-plot", ["sessionId": "s"])
            #expect(
                plot.status == 200 && plot["plot_data"]?.string?.hasPrefix("data:image/png;base64,iVBORw0KGgo") == true,
                "\(plot)")
            #expect(await fixture.get("session/s")["workflow_phase"]?.string == "completed")
            let drawing = await fixture.post(
                "generate-plot",
                [
                    "sessionId": "s", "plot_settings": ["format": "svg", "step": 1, "datasets": 5],
                    "df_plot_in": ["series.csv": true],
                    "df_plot_out": ["series.csv": false],
                ]
            )
            let data = try #require(drawing["plot_data"]?.string)
            let svg = try #require(
                data.hasPrefix("data:image/svg+xml;base64,") ? Data(base64Encoded: String(data.dropFirst(26))) : nil)
            #expect(String(decoding: svg, as: UTF8.self).contains("<svg"))
            let course = await fixture.post(
                "generate-plot",
                ["sessionId": "s", "plot_settings": ["forecast": 1], "df_plot_in": ["series.csv": true]])
            #expect(course.status == 200 && course["plot_data"] != plot["plot_data"], "\(course)")
            // A plot without columns has no lines and is valid.
            let bare = await fixture.post(
                "generate-plot",
                ["sessionId": "s", "df_plot_out": ["series.csv": false], "df_plot_fcst": ["series.csv": false]])
            #expect(bare.status == 200, "\(bare)")
            for (body, pointer) in [
                (["sessionId": "s", "plot_settings": ["step": 3]], "/plot_settings/step"),
                (["sessionId": "s", "plot_settings": ["step": 0]], "/plot_settings/step"),
                (["sessionId": "s", "plot_settings": ["format": "gif"]], "/plot_settings/format"), ([:], "/sessionId"),
                (["sessionId": "s", "plot_settings": ["datasets": 4_001]], "/plot_settings/datasets"),
                (["sessionId": "s", "plot_settings": ["forecast": 0]], "/plot_settings/forecast"),
                (["sessionId": "s", "plot_settings": ["forecast": 999]], "/plot_settings/forecast"),
                (["sessionId": "s", "plot_settings": ["forecast": 1, "step": 1]], "/plot_settings/forecast"),
                (["sessionId": "s", "df_plot_out": ["none": true]], "/df_plot_out/none"),
                (["sessionId": "s", "df_plot_fcst": ["none": false]], "/df_plot_fcst/none"),
                (["sessionId": "s", "df_plot_in": ["none": true]], "/df_plot_in/none"),
            ] as [(JSONValue, String)] {
                #expect(await fixture.post("generate-plot", body).pointers == [pointer])
            }
            #expect(
                await fixture.post("generate-plot", ["sessionId": "s", "model_id": "../x"]).code == "model-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `a model uses its own scalers after the datasets were replaced`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets(series: Samples.hourly(200) { Double($0) * 2 + 1 })
            try await fixture.train()
            let request: JSONValue = ["input_data": [[11], [13]]]
            let before = try #require(await fixture.post("predict/s", request)["predictions"])
            // Another split has other scalers; another number of steps another shape.
            try await fixture.generate(
                "s", ["training_split": ["trainPercentage": 30, "valPercentage": 20, "testPercentage": 50]])
            #expect(await fixture.post("predict/s", request)["predictions"] == before)
            _ = await fixture.post(
                "save-zeitschritte",
                ["sessionId": "s", "zeitschritte": ["eingabe": 4, "ausgabe": 4, "zeitschrittweite": 60]])
            for _ in 1...2 { try await fixture.generate() }
            #expect(await fixture.post("predict/s", request)["predictions"] == before)
            let plot = await fixture.post("generate-plot", ["sessionId": "s"])
            #expect(
                plot.status == 404 && plot["error"]?.string == "The datasets of this model have been replaced",
                "\(plot)")
            // Results of the session are those of the present datasets.
            #expect(await fixture.get("download-arrays/s").status == 200)
            #expect(await fixture.get("visualizations/s").status == 200)
            #expect(await fixture.get("results-summary/s")["n_dat"]?.integer == 198)
        }
    }

    @Test(arguments: Engine.available)
    func `a model with a split of its own keeps its own datasets`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets(series: Samples.hourly(200) { Double($0) * 2 + 1 })
            let split: JSONValue = [
                "trainPercentage": 40, "valPercentage": 0, "testPercentage": 60, "shuffle": true, "seed": 5,
                "blockLength": 12,
            ]
            try await fixture.train("s", Samples.linear, split: split)
            let first = try #require(
                await fixture.post("predict/s", ["input_data": [[11], [13]]])["predictions"]?[0]?[1]?[0]?.number)
            #expect(abs(first - 15) < 1e-6)
            #expect((await fixture.get("results/s")["datasets_tested"]?.integer ?? 0) > 60)
            #expect(await fixture.post("generate-plot", ["sessionId": "s"]).status == 200)
            // The datasets of the session have not changed.
            #expect(await fixture.get("scalers/s")["fitted_on"]?.string == "the training part: 138 of 198 datasets")
            #expect(fixture.filesOnDisk().filter { $0.hasSuffix("inputs.npy") }.count == 2)
            #expect(await fixture.post("session/s/delete").status == 200)
            #expect(fixture.filesOnDisk() == [])
        }
    }

    @Test(arguments: Engine.available)
    func `the result of every model can be read`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            try await fixture.train()
            try await fixture.train("s", Samples.dense)
            let models = try #require(await fixture.get("list-models-database/s")["data"]?["models"]?.array)
            for model in models {
                let name = try #require(model["filename"]?.string)
                let result = await fixture.get("results/s?model=\(name)")
                #expect(result["mode"] == model["mode"] && result["model_filename"]?.string == name, "\(result)")
                #expect(await fixture.get("evaluation-tables/s?model=\(name)")["model_type"] == model["mode"])
                #expect(await fixture.get("download-arrays/s?name=parts&model=\(name)").status == 200)
            }
            for path in ["results/s", "evaluation-tables/s", "download-arrays/s"] {
                #expect(await fixture.get("\(path)?model=other").code == "model-not-found")
            }
        }
    }

    @Test func `predict takes as many numbers as it says, and no more`() async throws {
        try await withTrainingFixture(.sqlite) { fixture in
            try await fixture.prepareDatasets()
            try await fixture.train()
            // 50,000 rows of two numbers with 17 digits, in a body above the limit of other requests. The text is
            // written by hand, because an encoder takes a minute for it without optimization.
            func predict(rows: Int) async -> TestResponse {
                let row = "[[0.12345678901234568],[-0.12345678901234568]]"
                let text = "{\"input_data\":[\(Array(repeating: row, count: rows).joined(separator: ","))]}"
                return await fixture.app.call(
                    "POST", "/v1/training/predict/s", body: ("application/json", Array(text.utf8)),
                    token: fixture.person.token)
            }
            let most = await predict(rows: 50_000)
            #expect(most.status == 200 && most["input_count"]?.integer == 50_000)
            let more = await predict(rows: 50_001)
            #expect(more.status == 422 && more.pointers == ["/input_data"])
        }
    }
}

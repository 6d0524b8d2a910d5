import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

/// The two real files of `Examples/`, from upload to forecast.
@Suite struct ExampleTests {
    @Test(.timeLimit(.minutes(3)), arguments: Engine.available)
    func `forecasts of Seattle from both cities are better than persistence`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare(series: nil, inputs: 6, outputs: 6, time: ["tag": true, "zeitzone": "UTC"])
            let seattle = Array(try Data(contentsOf: Samples.examples.appending(path: "seattle-temps.csv")))
            let francisco = Array(try Data(contentsOf: Samples.examples.appending(path: "sf-temps.csv")))
            let past: [String: JSONValue] = ["zeithorizontStart": -5, "zeithorizontEnd": 0]
            let future: [String: JSONValue] = ["zeithorizontStart": 1, "zeithorizontEnd": 6]
            let input = await fixture.upload(seattle, "seattle-temps.csv", settings: past)
            let other = await fixture.upload(francisco, "sf-temps.csv", settings: past)
            let output = await fixture.upload(seattle, "seattle-temps.csv", kind: "output", settings: future)
            for response in [input, other, output] { try await fixture.require(201, response) }

            // The report of the import.
            let (first, second) = (try #require(input["file"]), try #require(other["file"]))
            #expect(first["datenpunkte"]?.integer == 8_759 && second["datenpunkte"]?.integer == 8_759)
            #expect(
                first["import"]?["timeFormat"]?.string == "YYYY/MM/DD hh:mm"
                    && second["import"]?["timeFormat"]?.string == "YYYY/MM/DD hh:mm:ss")
            #expect(
                first["import"]?["timeColumn"]?.string == "date" && first["import"]?["valueColumn"]?.string == "temp")
            #expect(
                second["import"]?["timeColumn"]?.string == "date" && second["import"]?["valueColumn"]?.string == "temp")
            for file in [first, second] {
                #expect(
                    file["import"]?["delimiter"]?.string == "," && file["import"]?["hadHeader"]?.bool == true
                        && file["import"]?["rowsSkipped"]?.integer == 0)
                // The hour skipped at the start of daylight saving time is missing.
                #expect(
                    file["import"]?["missingSteps"]?.integer == 1 && file["import"]?["largestGapMinutes"]?.number == 120
                )
                #expect(file["import"]?["largestGapAfter"]?.string == "2010-03-14T02:00:00Z", "\(file)")
                #expect(
                    file["utcMin"]?.string == "2010-01-01T00:00:00Z" && file["utcMax"]?.string == "2010-12-31T23:00:00Z"
                )
                #expect(file["zeitschrittweiteMin"]?.number == 60)
            }

            // Blocks of two weeks: the test part has all seasons and shares no value with the training part.
            try await fixture.generate(
                "s",
                [
                    "training_split": [
                        "trainPercentage": 70, "valPercentage": 15, "testPercentage": 15, "shuffle": true,
                        "blockLength": 336,
                    ]
                ])
            #expect((await fixture.get("results-summary/s")["n_dat"]?.integer ?? 0) > 8_700)
            for parameters: JSONValue in [Samples.linear, ["MODE": "Dense", "LAY": 1, "N": 24, "EP": 6, "seed": 1]] {
                try await fixture.train("s", parameters)
                let tables = await fixture.get("evaluation-tables/s")
                let mae = try #require(tables["df_eval"]?["seattle-temps.csv"]?["MAE"]?[0]?.number)
                let carriedOn = try #require(tables["persistence"]?["seattle-temps.csv"]?["MAE"]?[0]?.number)
                #expect(mae < carriedOn, "\(parameters)")
            }
            #expect(await fixture.level("training_runs") == [2, 0])
            #expect(await fixture.level("uploads") == [3, 0])
        }
    }
}

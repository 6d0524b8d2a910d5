import ArgumentParser
import Foundation
import Modules
import SpotDecisions

struct RiskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "risk",
        abstract: "Train the risk model of spot pools.",
        subcommands: [RiskTrainCommand.self]
    )
}

struct RiskTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a risk model on spot prices, and test it on later ones.",
        discussion: """
            PRICES is a CSV file with the columns timestamp,instance_type,availability_zone,price_usd: the changes of \
            prices of DescribeSpotPriceHistory, in any order. Parameters and threshold are chosen on the last quarter \
            of the time before --until; the prices after it test the result once.

            The folder gets risk-model-VERSION.json, risk-report-VERSION.json and risk-plot-VERSION.svg. \
            RISK_MODEL_PATH names the model that a server uses.

            EXAMPLES
              gatehouse risk train prices.csv --until 2021-05-01
              gatehouse risk train prices.csv --until 2021-05-01 --setup described --output models
            """
    )

    @Argument(help: ArgumentHelp("The file of prices.", valueName: "prices.csv"))
    var prices: String

    @Option(help: ArgumentHelp("The end of the training time, in UTC.", valueName: "date or time"))
    var until: String

    @Option(
        help: ArgumentHelp(
            "Use this set of parameters, instead of the best one: "
                + RiskSetup.allCases.map(\.rawValue).joined(separator: ", ") + ".", valueName: "name"))
    var setup: String?

    @Option(help: ArgumentHelp("The folder of the files.", valueName: "folder"))
    var output = "."

    @Option(help: ArgumentHelp("Threads; with one, equal prices give equal models.", valueName: "number"))
    var threads = 1

    func validate() throws {
        guard time != nil else {
            throw ValidationError("--until is a date or time such as 2021-05-01 or 2021-05-01T12:00:00Z.")
        }
        guard setup.map({ RiskSetup(rawValue: $0) != nil }) ?? true else {
            throw ValidationError("--setup is one of \(RiskSetup.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        guard (1...256).contains(threads) else { throw ValidationError("--threads is 1 to 256.") }
    }

    func run() throws {
        guard let time else { return }
        let bytes = try InputFile.bytes(of: prices, upTo: PriceHistory.bytesMax)
        let setups = setup.flatMap { RiskSetup(rawValue: $0) }.map { [$0] } ?? RiskSetup.allCases
        let result = try RiskTraining(until: time, setups: setups, threads: threads)
            .run(bytes, now: Runtime.system.now()) { Terminal.printError($0) }
        let folder = URL(filePath: output)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let version = result.model.version
        let model = folder.appending(path: "risk-model-\(version).json")
        try result.report.json().write(to: folder.appending(path: "risk-report-\(version).json"), options: .atomic)
        try Data(result.plot).write(to: folder.appending(path: "risk-plot-\(version).svg"), options: .atomic)
        // Last, so that a model always has its report.
        try Data(result.file).write(to: model, options: .atomic)
        for line in Self.summary(result.report) { Terminal.print(line) }
        Terminal.print("Written: \(model.path)")
    }

    private var time: Instant? { Instant(until) ?? Instant(until + "T00:00:00Z") }

    private static func summary(_ report: RiskReport) -> [String] {
        let best = report.singleFeatures.first
        return Text.table([
            ["Model", report.version],
            ["Parameters", report.setup.rawValue],
            ["Test", "\(report.test.rows) rows, \(report.test.positive) rises"],
            ["AUC", "\(rounded(report.auc)); best single feature \(rounded(best?.auc ?? 0)) (\(best?.feature ?? ""))"],
            ["Average precision", "\(rounded(report.averagePrecision)); base rate \(rounded(report.test.baseRate))"],
            [
                "Threshold",
                "\(report.threshold.threshold): precision \(rounded(report.threshold.precision)), "
                    + "recall \(rounded(report.threshold.recall))",
            ],
        ])
    }

    private static func rounded(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }
}

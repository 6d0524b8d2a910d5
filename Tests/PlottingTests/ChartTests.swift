import Foundation
import Testing

@testable import Plotting

@Suite struct ChartTests {
    @Test func `a violin plot is a PNG of its size, by default with scale 2`() throws {
        let plot = ViolinPlot(title: "Inputs", violins: [.bell("a")], size: .init(width: 300, height: 200))
        let image = try plot.image()
        #expect(image.isPNG)
        #expect(image.pixels == [600, 400])
        #expect(image.dataURL.hasPrefix("data:image/png;base64,iVBORw0KGgo"))
    }

    @Test func `an SVG has all names in full`() throws {
        let long = String(repeating: "a column name without end ", count: 5)
        let labels = ["Load & <loss>", "风速", "Влажность", "שלום", "🌡️", long]
        let violins = try ViolinPlot(title: "Größen", yTitle: "Wert", violins: labels.map { .bell($0) }).image(as: .svg)
        let lines = try LineChart(title: "Größen", xTitle: "Zeit", yTitle: "Wert", series: labels.map { .wave($0) })
            .image(as: .svg)
        for image in [violins, lines] {
            let reader = try #require(SVGReader(image))
            for text in labels.filter({ $0 != "🌡️" }) + ["Größen", "Wert"] { #expect(reader.words.contains(text)) }
            #expect(reader.elementCount > 50)
        }
    }

    static let oddViolins: [[ViolinPlot.Violin]] = [
        [],
        [.flat("empty", .nan)],
        [.flat("constant", 7, values: [7, 7, 7], densities: [1, 1, 1])],
        [.flat("infinite", .infinity, values: [.nan, .infinity, 1], densities: [1, .nan, -1]), .bell("sound")],
        [
            .flat("huge", 1e308),
            .flat("hugely negative", -1e308, values: [-1.7e308, 1.7e308], densities: [1e308, 1e308]),
        ],
        [.bell("tiny", center: 1e-300, width: .leastNonzeroMagnitude), .bell("small", width: 1e-200)],
        [
            .flat("unequal", 1, values: [1, 2, 3], densities: [1]),
            .flat("unsorted", 1, values: [3, 1, 2], densities: [0, 1, 0]),
        ],
        [.flat("", 0, values: [0, 1], densities: [0, 0])],
        (0..<300).map { .bell("a rather long name of column \($0)", center: Double($0)) },
        [.bell(String(repeating: "endless", count: 10_000))],
    ]

    @Test(arguments: oddViolins.indices, PlotImage.Format.allCases)
    func `unusual columns are drawn without an error`(index: Int, format: PlotImage.Format) throws {
        for size in [
            nil, Canvas.Size(width: 1, height: 1), Canvas.Size(width: 60, height: 400),
            Canvas.Size(width: 400, height: 30),
        ] {
            let image = try ViolinPlot(title: "Odd", yTitle: "Value", violins: Self.oddViolins[index], size: size)
                .image(as: format)
            #expect(format == .png ? image.isPNG : SVGReader(image) != nil)
        }
    }

    static let oddSeries: [[LineChart.Series]] = [
        [],
        [.init(name: "empty", x: [], y: [])],
        [.init(name: "missing", x: [0, 1], y: [.nan, .nan])],
        [.init(name: "nowhere", x: [.nan, .infinity], y: [1, 2])],
        [.init(name: "point", x: [5], y: [5])],
        [.init(name: "constant", x: [0, 1, 2], y: [3, 3, 3])],
        [.init(name: "vertical", x: [1, 1, 1], y: [1, 2, 3])],
        [
            .init(name: "huge", x: [-1e308, 1e308], y: [1e308, -1e308]),
            .init(name: "tiny", x: [0, .leastNonzeroMagnitude], y: [0, 1e-300]),
        ],
        [.init(name: "unequal", x: [1, 2, 3], y: [1])],
        (0..<100).map { .wave("series with a long, long name \($0)") },
        [.wave(String(repeating: "endless", count: 10_000))],
    ]

    @Test(arguments: oddSeries.indices, [LineChart.Horizontal.number, .time])
    func `unusual series are drawn without an error`(index: Int, horizontal: LineChart.Horizontal) throws {
        for format in PlotImage.Format.allCases {
            for size in [
                Canvas.Size(width: 760, height: 400), .init(width: 1, height: 1), .init(width: 60, height: 400),
                .init(width: 400, height: 30),
            ] {
                var chart = LineChart(
                    title: "Odd", xTitle: "x", yTitle: "y", horizontal: horizontal, series: Self.oddSeries[index])
                chart.size = size
                let image = try chart.image(as: format)
                #expect(format == .png ? image.isPNG : SVGReader(image) != nil)
            }
        }
    }

    @Test func `omitted series and violins are stated`() throws {
        let violins = try ViolinPlot(violins: (0..<61).map { .bell("\($0)") }).image(as: .svg)
        #expect(try #require(SVGReader(violins)).words.contains("60 of 61 shown"))
        let lines = try LineChart(series: (0..<25).map { .wave("\($0)") }).image(as: .svg)
        #expect(try #require(SVGReader(lines)).words.contains("24 of 25 series shown"))
    }

    @Test(arguments: PlotImage.Format.allCases)
    func `the same input gives the same bytes, also concurrently`(format: PlotImage.Format) async throws {
        let violins = ViolinPlot(title: "Inputs", violins: [.bell("a"), .bell("风速", center: 3), .flat("c", 1)])
        let lines = LineChart(
            title: "Forecast", horizontal: .time, series: [.wave("truth", from: 1.7e9, step: 900), .wave("forecast")])
        let expected = try [violins.image(as: format), lines.image(as: format)]
        try await withThrowingTaskGroup(of: [PlotImage].self) { group in
            for _ in 0..<16 { group.addTask { try [violins.image(as: format), lines.image(as: format)] } }
            for try await images in group { #expect(images == expected) }
        }
    }

    @Test func `a size out of bounds is refused`() {
        let chart = LineChart(series: [.wave("a")], size: .init(width: 100_000, height: 400))
        #expect(throws: PlottingError.sizeOutOfBounds(.init(width: 100_000, height: 400), scale: 2)) {
            try chart.image()
        }
    }

    @Test func `lines are distinguishable, and neighbours differ in colour and dash`() {
        let strokes = (0..<LineChart.seriesMax).map(LineChart.stroke)
        #expect(Set(strokes).count == LineChart.seriesMax)
        #expect(zip(strokes, strokes.dropFirst()).allSatisfy { $0.color != $1.color && $0.dash != $1.dash })
    }
}

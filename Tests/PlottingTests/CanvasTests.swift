import Testing

@testable import Plotting

@Suite struct CanvasTests {
    @Test func `a PNG has its signature and the size in points times scale`() throws {
        for (scale, pixels) in [(1.0, [120, 81]), (2.0, [240, 161]), (0.5, [60, 40])] {
            let image = try Canvas(size: .init(width: 120, height: 80.5), format: .png, scale: scale).image(
                title: "", description: [])
            #expect(image.isPNG)
            #expect(image.pixels == pixels)
        }
    }

    @Test func `an SVG has its size, title and description, with any characters`() throws {
        let canvas = try Canvas(size: .init(width: 120, height: 80), format: .svg)
        let image = try canvas.image(title: "a < b & \"c\" > d", description: ["\u{0}]]>\u{FFFF}", "<script>"])
        let reader = try #require(SVGReader(image))
        #expect(reader.root["viewBox"] == "0 0 120 80")
        #expect(reader.root["role"] == "img")
        #expect(reader.words.contains("a < b & \"c\" > d"))
        #expect(reader.words.contains("<script>"))
    }

    static let badSizes: [(Double, Double, Double)] = [
        (0, 10, 2), (-5, 10, 2), (.nan, 10, 2), (.infinity, 10, 2), (10, 1e300, 2), (9_000, 10, 2), (5_000, 5_000, 1),
        (10, 10, 0),
        (10, 10, -1), (10, 10, .nan), (10, 10, 1e9),
    ]

    @Test(arguments: badSizes)
    func `an invalid or too large size is refused`(width: Double, height: Double, scale: Double) {
        #expect(throws: PlottingError.self) {
            _ = try Canvas(size: .init(width: width, height: height), format: .png, scale: scale)
        }
    }

    @Test func `a too large SVG is refused independently of its scale`() throws {
        #expect(throws: PlottingError.self) { _ = try Canvas(size: .init(width: 1e6, height: 10), format: .svg) }
        _ = try Canvas(size: .init(width: 100, height: 100), format: .svg, scale: .nan)
    }

    @Test(arguments: PlotImage.Format.allCases) func `values that are not finite are drawn without an error`(
        format: PlotImage.Format
    ) throws {
        let canvas = try Canvas(size: .init(width: 50, height: 50), format: format)
        let odd = [
            Canvas.Point(x: .nan, y: 1), Canvas.Point(x: .infinity, y: -.infinity), Canvas.Point(x: 1e300, y: 0),
        ]
        canvas.line(odd, .init(.ink))
        canvas.line([], closed: true, .init(.ink))
        canvas.fill(odd, with: .ink)
        canvas.fill([], with: .ink)
        canvas.dot(at: odd[1], radius: -1, color: .ink)
        canvas.write("", at: odd[0], .init(size: 10))
        canvas.write("a\u{0}b\n\u{202E}c\u{1F469}\u{200D}\u{1F680}", at: odd[2], .init(size: 10))
        #expect(try !canvas.image(title: "", description: []).bytes.isEmpty)
    }

    @Test func `an unfinished canvas is released`() throws {
        for format in PlotImage.Format.allCases {
            let canvas = try Canvas(size: .init(width: 50, height: 50), format: format)
            canvas.write("never seen", at: .init(x: 5, y: 20), .init(size: 10))
        }
    }

    @Test func `an image has a data URL`() {
        #expect(PlotImage(format: .png, bytes: [1, 2, 3]).dataURL == "data:image/png;base64,AQID")
        #expect(PlotImage(format: .svg, bytes: [1, 2, 3]).dataURL == "data:image/svg+xml;base64,AQID")
    }
}

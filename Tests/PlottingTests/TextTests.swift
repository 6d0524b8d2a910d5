import Base
import Testing

@testable import Plotting

@Suite struct TextTests {
    private let font = Canvas.Font(size: 10)

    @Test func `only text that does not fit is shortened`() throws {
        let canvas = try Canvas(size: .init(width: 100, height: 100), format: .png)
        #expect(canvas.shortened("short", to: 100, font) == "short")
        let cut = canvas.shortened("a text that is much too long for this", to: 100, font)
        #expect(cut.hasPrefix("a text") && cut.hasSuffix("…"))
        #expect(canvas.width(of: cut, font) <= 100)
        #expect(canvas.shortened("anything", to: -5, font) == "…")
    }

    @Test func `lines are broken at spaces, and within words only where needed`() throws {
        let canvas = try Canvas(size: .init(width: 100, height: 100), format: .png)
        #expect(canvas.lines(of: "", within: 80, linesMax: 2, font) == [])
        #expect(canvas.lines(of: "one line", within: 80, linesMax: 2, font) == ["one line"])
        #expect(canvas.lines(of: "Temperature outdoors", within: 80, linesMax: 2, font) == ["Temperature", "outdoors"])
        #expect(canvas.lines(of: "", within: -1, linesMax: 2, font) == [])
        let endless = canvas.lines(of: String(repeating: "x", count: 90), within: 80, linesMax: 3, font)
        #expect(endless.count == 3 && endless.last?.hasSuffix("…") == true)
        #expect(endless.allSatisfy { canvas.width(of: $0, font) <= 80 })
    }

    @Test func `text has the same width at every scale and in both formats`() throws {
        let widths = try [(PlotImage.Format.png, 1.0), (.png, 2), (.png, 3), (.svg, 1)].map { format, scale in
            try Canvas(size: .init(width: 100, height: 100), format: format, scale: scale).width(
                of: "Wavelength 0.125", font)
        }
        for width in widths { #expect(abs(width - widths[0]) < 0.01) }
    }

    @Test(arguments: [
        ("plain", "plain"), ("a\nb\tc", "a b c"), ("a\u{200B}\u{202E}b\u{FEFF}", "ab"), ("\u{0}", " "),
        ("Größe 風 Ω", "Größe 風 Ω"),
    ])
    func `undrawable characters are removed`(text: String, expected: String) {
        #expect(DrawableText(text).logical == expected)
    }

    @Test func `endless texts are shortened, even within one character`() {
        #expect(DrawableText(String(repeating: "long ", count: 100_000)).logical.count == DrawableText.charactersMax)
        #expect(
            DrawableText("e" + String(repeating: "\u{301}", count: 100_000)).logical.unicodeScalars.count <= 4
                * DrawableText.charactersMax)
    }

    @Test(arguments: [
        ("abc", "abc"), ("אבג", "גבא"), ("אב גד", "דג בא"), ("x אב y", "x בא y"), ("אב 12", "בא 12"), ("(אב)", "(בא)"),
    ])
    func `Hebrew is reversed and other text unchanged`(text: String, expected: String) {
        #expect(DrawableText(text).visual == expected)
    }
}

import Base
import CCairo

extension Canvas {
    package struct Font: Hashable, Sendable {
        package var size: Double
        package var isBold: Bool

        package init(size: Double, isBold: Bool = false) {
            self.size = size
            self.isBold = isBold
        }
    }

    /// The part of a text that is placed at its position.
    package enum Anchor: Sendable {
        case start, middle, end
    }

    /// Draws one line of text with its baseline at `point`, rotated counter-clockwise by `degrees` around it.
    package func write(
        _ text: String, at point: Point, _ font: Font, color: Color = .ink, anchor: Anchor = .start, degrees: Double = 0
    ) {
        let runs = Typeface.runs(of: DrawableText(text).visual, font: font, on: self)
        let width = runs.reduce(0) { $0 + $1.width }
        cairo_save(context)
        cairo_translate(context, onPage(point.x), onPage(point.y))
        cairo_rotate(context, -degrees * .pi / 180)
        cairo_set_source_rgb(context, color.red, color.green, color.blue)
        cairo_new_path(context)
        var x =
            switch anchor {
            case .start: 0.0
            case .middle: -width / 2
            case .end: -width
            }
        for run in runs {
            Typeface.select(run.family, font: font, on: self)
            cairo_move_to(context, x, 0)
            // Outlines are positioned to a fraction of a pixel, and keep an SVG free of glyph ids, which would clash
            // with those of another SVG in the same web page.
            cairo_text_path(context, run.text)
            x += run.width
        }
        cairo_fill(context)
        cairo_restore(context)
    }

    package func width(of text: String, _ font: Font) -> Double {
        Typeface.runs(of: DrawableText(text).visual, font: font, on: self).reduce(0) { $0 + $1.width }
    }

    /// The text where it fits, otherwise its beginning and an ellipsis.
    package func shortened(_ text: String, to maxWidth: Double, _ font: Font) -> String {
        let text = DrawableText(text).logical
        guard width(of: text, font) > maxWidth else { return text }
        return String(prefix(of: text, fitting: maxWidth - width(of: "…", font), font)).trimmed + "…"
    }

    /// The text in at most `linesMax` lines, broken at spaces where possible; the last line is shortened where needed.
    package func lines(of text: String, within maxWidth: Double, linesMax: Int, _ font: Font) -> [String] {
        var rest = DrawableText(text).logical[...]
        var lines: [String] = []
        while !rest.isEmpty, lines.count < linesMax - 1, width(of: String(rest), font) > maxWidth {
            var line = prefix(of: String(rest), fitting: maxWidth, font)
            if let space = line.lastIndex(of: " ") { line = line[..<space] }
            lines.append(String(line))
            rest = rest.dropFirst(max(1, line.count)).drop { $0 == " " }
        }
        if !rest.isEmpty { lines.append(shortened(String(rest), to: maxWidth, font)) }
        return lines
    }

    private func prefix(of text: String, fitting maxWidth: Double, _ font: Font) -> Substring {
        let characters = text.count
        var fits = 0
        var tooMany = characters + 1
        while tooMany - fits > 1 {
            let middle = (fits + tooMany) / 2
            if width(of: String(text.prefix(middle)), font) <= maxWidth { fits = middle } else { tooMany = middle }
        }
        return text.prefix(fits)
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

import CCairo

/// Selects font families: DejaVu Sans where it has the glyphs, other installed families for scripts that it lacks.
enum Typeface {
    /// A part of a text that one family can render.
    struct Run {
        let family: String
        var text: String
        var width: Double
    }

    static let families = [
        "DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Droid Sans Fallback", "WenQuanYi Zen Hei", "sans-serif",
    ]

    static func runs(of text: String, font: Canvas.Font, on canvas: borrowing Canvas) -> [Run] {
        if covers(text, family: families[0], font: font, on: canvas) {
            return [Run(family: families[0], text: text, width: advance(of: text, on: canvas))]
        }
        var runs: [Run] = []
        for character in text {
            let text = String(character)
            // A text that no family has is drawn with the first one, as an empty box.
            let family = families.first { covers(text, family: $0, font: font, on: canvas) } ?? families[0]
            if runs.last?.family == family {
                runs[runs.count - 1].text += text
            } else {
                runs.append(Run(family: family, text: text, width: 0))
            }
        }
        for index in runs.indices {
            select(runs[index].family, font: font, on: canvas)
            runs[index].width = advance(of: runs[index].text, on: canvas)
        }
        return runs
    }

    static func select(_ family: String, font: Canvas.Font, on canvas: borrowing Canvas) {
        let weight = font.isBold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL
        cairo_select_font_face(canvas.context, family, CAIRO_FONT_SLANT_NORMAL, weight)
        cairo_set_font_size(canvas.context, font.size)
    }

    /// Glyph 0 means that the font lacks the character.
    private static func covers(_ text: String, family: String, font: Canvas.Font, on canvas: borrowing Canvas) -> Bool {
        select(family, font: font, on: canvas)
        var glyphs: UnsafeMutablePointer<cairo_glyph_t>?
        var count: Int32 = 0
        defer { cairo_glyph_free(glyphs) }
        let font = cairo_get_scaled_font(canvas.context)
        let status = cairo_scaled_font_text_to_glyphs(
            font, 0, 0, text, Int32(text.utf8.count), &glyphs, &count, nil, nil, nil)
        guard status == CAIRO_STATUS_SUCCESS else { return false }
        return UnsafeBufferPointer(start: glyphs, count: Int(count)).allSatisfy { $0.index != 0 }
    }

    private static func advance(of text: String, on canvas: borrowing Canvas) -> Double {
        var extents = cairo_text_extents_t()
        cairo_text_extents(canvas.context, text, &extents)
        return extents.x_advance
    }
}

import CCairo

extension Canvas {
    /// The style of a line; an empty `dash` is a solid line.
    package struct Stroke: Hashable, Sendable {
        package var color: Color
        package var width: Double
        package var dash: [Double]

        package init(_ color: Color, width: Double = 1, dash: [Double] = []) {
            self.color = color
            self.width = width
            self.dash = dash
        }
    }

    package func fill(_ rect: Rect, with color: Color) {
        trace(rect)
        fill(with: color)
    }

    package func fill(_ polygon: [Point], with color: Color) {
        trace(polygon)
        fill(with: color)
    }

    package func dot(at center: Point, radius: Double, color: Color) {
        cairo_new_path(context)
        cairo_arc(context, onPage(center.x), onPage(center.y), max(0, radius), 0, 2 * .pi)
        fill(with: color)
    }

    package func line(_ points: [Point], closed: Bool = false, _ stroke: Stroke) {
        trace(points)
        if closed { cairo_close_path(context) }
        cairo_set_source_rgb(context, stroke.color.red, stroke.color.green, stroke.color.blue)
        cairo_set_line_width(context, stroke.width)
        cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND)
        cairo_set_line_cap(context, stroke.dash.isEmpty ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT)
        cairo_set_dash(context, stroke.dash, Int32(stroke.dash.count), 0)
        cairo_stroke(context)
    }

    /// Clips the drawing of `body` to `rect`.
    package func clipped(to rect: Rect, _ body: (borrowing Canvas) -> Void) {
        cairo_save(context)
        trace(rect)
        cairo_clip(context)
        body(self)
        cairo_restore(context)
    }

    private func trace(_ points: [Point]) {
        cairo_new_path(context)
        for point in points { cairo_line_to(context, onPage(point.x), onPage(point.y)) }
    }

    private func trace(_ rect: Rect) {
        cairo_new_path(context)
        cairo_rectangle(context, onPage(rect.left), onPage(rect.top), onPage(rect.width), onPage(rect.height))
    }

    private func fill(with color: Color) {
        cairo_set_source_rgb(context, color.red, color.green, color.blue)
        cairo_fill(context)
    }

    /// Cairo uses 24.8 fixed-point coordinates; larger numbers would wrap around.
    func onPage(_ position: Double) -> Double {
        position.isNaN ? 0 : min(max(position, -100_000), 100_000)
    }
}

import Base

/// Requests to URLs.
enum FetchSkill: Skill {
    static let forms = [
        SkillForm(
            "fetch.url",
            "(fetch|get|download|request|open|retrieve) [the] [page|file|data] [at|from] {url} [as {format}]",
            example: "fetch https://example.com/prices.csv"
        ) { match, draft throws(FormFault) in
            let format = match.textIfPresent("format").flatMap(DataFormat.init(rawValue:))
            draft.setResult(draft.fetch(match.text("url"), format: format))
        },
        SkillForm(
            "fetch.save", "(fetch|get|download|save|store) {url} (to|into|as) [the] [file] {file}",
            example: "download https://example.com/prices.csv as prices.csv"
        ) { match, draft throws(FormFault) in
            let page = try draft.input(.url(match.text("url")))
            draft.setResult(page)
            _ = draft.write(page, to: match.text("file"))
        },
        SkillForm(
            "fetch.post", "(post|send) {content} to {url}", example: "post the result to https://example.com/hook"
        ) { match, draft throws(FormFault) in
            let body = try draft.input(match.content("content"))
            let types: [DataFormat: String] = [.csv: "text/csv", .json: "application/json"]
            let url = match.text("url")
            draft.setResult(
                draft.add(
                    .httpRequest, "Posts \(body.name) to \(url).",
                    [
                        "url": .string(url), "method": "POST", "body": body.argument,
                        "content_type": .string(body.format.flatMap { types[$0] } ?? "text/plain"),
                    ]))
        },
        SkillForm(
            "fetch.status",
            "check (that|whether|if) {url} (answers|responds|returns) [with] [the] [status] {number}",
            example: "check that https://example.com returns status 200"
        ) { match, draft throws(FormFault) in
            let (url, status) = (match.text("url"), match.number("number"))
            guard (100...599).contains(status) else { throw FormFault("\(status) is not an HTTP status") }
            draft.setResult(
                draft.add(
                    .httpRequest, "Checks that \(url) returns the status \(status).",
                    ["url": .string(url), "method": "GET"], criteria: [.statusIs(status)]))
        },
        SkillForm(
            "fetch.contains", "check (that|whether|if) {url} (contains|shows|includes) {text}",
            example: "check that https://example.com contains \"Example\""
        ) { match, draft throws(FormFault) in
            let (url, text) = (match.text("url"), match.text("text"))
            draft.setResult(
                draft.add(
                    .httpRequest, "Checks that \(url) contains '\(text)'.", ["url": .string(url), "method": "GET"],
                    criteria: [.statusIs(200), .contains(text)]))
        },
        SkillForm(
            "fetch.up", "check (that|whether|if) {url} is (up|reachable|available|online)",
            example: "check that https://example.com is up"
        ) { match, draft throws(FormFault) in
            let url = match.text("url")
            draft.setResult(
                draft.add(
                    .httpRequest, "Checks that \(url) is available.", ["url": .string(url), "method": "HEAD"],
                    criteria: [.statusIs(200)]))
        },
    ]
}

import Base

/// Tasks for a language model.
enum LanguageSkill: Skill {
    static let forms = [
        SkillForm(
            "language.ask", "(ask|prompt) [the model|the assistant] {text} [(about|with) {content}]",
            example: "ask the model \"Which customers complain?\" about mails.txt"
        ) { match, draft throws(FormFault) in
            try answer(match.text("text"), match.has("content") ? match.content("content") : nil, &draft)
        },
        SkillForm(
            "language.summarise",
            "(summarise|summarize) the (text|page|article) (of|in|at) {content} [in {number} (sentence|sentences)]",
            example: "summarise the text of https://example.com/news in 3 sentences"
        ) { match, draft throws(FormFault) in
            let length = match.has("number") ? " in at most \(match.number("number")) sentences" : " in a few sentences"
            try answer("Summarise the text\(length).", match.content("content"), &draft)
        },
        SkillForm(
            "language.translate", "translate {content} (to|into) {language:word}", example: "translate it into French"
        ) { match, draft throws(FormFault) in
            let language = match.text("language")
            guard language.count <= 40, language.allSatisfy({ $0.isLetter || $0 == " " || $0 == "-" }) else {
                throw FormFault("'\(language.prefix(40))' is not the name of a language")
            }
            try answer("Translate the text into \(language).", match.content("content"), &draft)
        },
    ]

    private static func answer(
        _ prompt: String, _ content: Content?, _ draft: inout PlanDraft
    ) throws(FormFault) {
        let input: PlanDraft.Input? = if let content { try draft.input(content) } else { nil }
        var arguments = ["prompt": JSONValue.string(prompt)]
        arguments["input"] = input?.argument
        draft.setResult(
            draft.add(
                .modelAnswer, "Asks a language model: \(prompt)", arguments, format: .text, criteria: [.notEmpty]))
    }
}

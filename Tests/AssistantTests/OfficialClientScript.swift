import Base
import Foundation
import TestKit

/// The Python packages of OpenAI and Anthropic, which use the server as they use the services.
struct OfficialClientScript: Sendable {
    static let isInstalled = (try? Python.run(["-c", "import anthropic, openai"])) != nil

    let port: Int
    let key: String
    let model: String

    /// Runs a program until it ends, without a thread of the concurrency pool, which the server needs meanwhile.
    /// - Returns: what the clients have got.
    func run(_ program: String) async throws -> JSONValue {
        let pool = BlockingPool(name: "python", threads: 1, capacity: 1)
        let arguments = ["-c", program, "http://127.0.0.1:\(port)", key, model]
        return try JSONValue(parsing: Array(try await pool.run { try Python.run(arguments) }))
    }

    static let openAI = """
        import json, sys
        import openai, pydantic

        url, key, model = sys.argv[1:]
        client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
        question = [{"role": "user", "content": "Weather in Oslo?"}]
        parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]

        class Place(pydantic.BaseModel):
            city: str

        def failure(work):
            try:
                work()
            except openai.APIStatusError as error:
                return [type(error).__name__, error.status_code, error.code, error.param, bool(error.request_id)]

        def ask(**more):
            return client.chat.completions.create(model=model, messages=question, **more)

        result = {"models": [entry.id for entry in client.models.list()]}
        whole = ask(max_tokens=50, temperature=0, seed=1)
        choice = whole.choices[0]
        result["whole"] = [choice.message.content, choice.finish_reason, whole.usage.total_tokens > 0]
        result["model"] = client.models.retrieve(model).id
        chunks = list(ask(stream=True, stream_options={"include_usage": True}))
        texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
        result["stream"] = ["".join(texts), chunks[-1].usage.total_tokens > 0]

        message = ask(tools=tools).choices[0].message
        result["call"] = [message.tool_calls[0].function.name, json.loads(message.tool_calls[0].function.arguments)]
        with client.chat.completions.stream(model=model, messages=question, tools=tools) as stream:
            final = stream.get_final_completion().choices[0]
        call = final.message.tool_calls[0]
        result["streamed_call"] = [final.finish_reason, call.function.name, json.loads(call.function.arguments)]
        answer = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "5 degrees"}
        after = client.chat.completions.create(model=model, messages=question + [message, answer], tools=tools)
        result["after"] = after.choices[0].message.content
        parsed = client.chat.completions.parse(model=model, messages=question, response_format=Place)
        result["parsed"] = parsed.choices[0].message.parsed.city
        result["errors"] = [
            failure(lambda: openai.OpenAI(base_url=url + "/v1", api_key="x", max_retries=0).models.list()),
            failure(lambda: client.models.retrieve("none")),
            failure(lambda: ask(tools=[{"type": "function", "function": {"name": "weather"}}])),
            failure(lambda: ask(max_tokens=0)),
            failure(lambda: ask(max_tokens=10**9, stream=True)),
        ]
        json.dump(result, sys.stdout)
        """

    static let anthropic = """
        import json, sys
        import anthropic

        url, key, model = sys.argv[1:]
        client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
        question = [{"role": "user", "content": "Weather in Oslo?"}]
        schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        tools = [{"name": "weather", "input_schema": schema}]

        def failure(work):
            try:
                work()
            except anthropic.APIStatusError as error:
                return [type(error).__name__, error.status_code, error.body["error"]["type"], bool(error.body["request_id"])]

        def ask(**more):
            return client.messages.create(**{"model": model, "max_tokens": 100, "messages": question, **more})

        result = {"models": [entry.id for entry in client.models.list()]}
        whole = ask(system="Be brief.")
        result["whole"] = [whole.content[0].text, whole.stop_reason, whole.usage.output_tokens > 0]
        with client.messages.stream(model=model, max_tokens=100, messages=question) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        result["stream"] = [text, final.content[0].text, final.stop_reason, final.usage.output_tokens > 0]

        message = ask(tools=tools)
        call = message.content[-1]
        result["call"] = [message.stop_reason, call.name, call.input]
        with client.messages.stream(model=model, max_tokens=100, messages=question, tools=tools) as stream:
            streamed = stream.get_final_message()
        result["streamed_call"] = [streamed.stop_reason, streamed.content[-1].name, streamed.content[-1].input]
        answer = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "5 degrees"}]}
        history = question + [{"role": "assistant", "content": message.content}, {"role": "user", "content": [answer]}]
        result["after"] = ask(messages=history, tools=tools).content[0].text
        result["errors"] = [
            failure(lambda: anthropic.Anthropic(base_url=url, api_key="x", max_retries=0).models.list()),
            failure(lambda: ask(model="none")),
            failure(lambda: ask(tools=[{"name": "weather"}])),
            failure(lambda: ask(max_tokens=10**9, stream=True)),
        ]
        json.dump(result, sys.stdout)
        """
}

extension TestAWS {
    /// moto, with what it lacks: prices with paging, unique names of images, tags of snapshots, client tokens, a clock,
    /// and faults that a test asks for. Requests are kept by access key, so that tests do not see those of others.
    static let script = """
        import csv, io, json, os, re, sys, threading, urllib.request
        from datetime import datetime, timezone
        from email.utils import format_datetime
        from urllib.parse import parse_qs

        os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "1"
        os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "1"
        import boto3
        from moto.ec2.exceptions import EC2ClientError
        from moto.ec2.models import amis
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        lock = threading.RLock()
        faults, requests, launched, clocks = {}, {}, {}, {}

        def instant(text):
            return datetime.fromisoformat(text.replace("Z", "+00:00"))

        with open(sys.argv[1], newline="") as file:
            prices = sorted(csv.DictReader(file), key=lambda row: row["timestamp"], reverse=True)

        # What moto does otherwise: it has no tags of snapshots, and several images of one name.
        create_image = amis.AmiBackend.create_image

        def create_unique_image(self, instance_id, name, description, tag_specifications):
            for image in self.amis.values():
                if image.name == name and image.owner_id == self.account_id:
                    raise EC2ClientError(
                        "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")
            of = lambda kind: [spec for spec in tag_specifications if spec["ResourceType"] == kind]
            image = create_image(self, instance_id, name, description, of("image"))
            for spec in of("snapshot"):
                for tag in spec["Tags"]:
                    image.ebs_snapshot.add_tag(tag["Key"], tag["Value"])
            return image

        amis.AmiBackend.create_image = create_unique_image

        def listed(parameters, name):
            return [parameters[key] for key in sorted(parameters) if re.fullmatch(re.escape(name) + r"\\.\\d+", key)]

        def history(parameters):
            types, zones = listed(parameters, "InstanceType"), []
            for number in range(1, 10):
                if parameters.get(f"Filter.{number}.Name") == "availability-zone":
                    zones += listed(parameters, f"Filter.{number}.Value")
            start, end = instant(parameters["StartTime"]), instant(parameters["EndTime"])
            rows, earlier = [], set()
            for row in prices:
                pool = (row["instance_type"], row["availability_zone"])
                time = instant(row["timestamp"])
                if (types and pool[0] not in types) or (zones and pool[1] not in zones) or time > end:
                    continue
                # The price in force at the start is the last one before it.
                if time < start and pool in earlier:
                    continue
                if time < start:
                    earlier.add(pool)
                rows.append(row)
            offset = int(parameters.get("NextToken", "page-0").removeprefix("page-"))
            size = min(int(parameters.get("MaxResults", "1000")), 1000)
            items = "".join(
                f"<item><instanceType>{row['instance_type']}</instanceType><productDescription>Linux/UNIX"
                f"</productDescription><spotPrice>{float(row['price_usd']):.6f}</spotPrice><timestamp>"
                f"{row['timestamp'].replace('Z', '.000Z')}</timestamp><availabilityZone>{row['availability_zone']}"
                "</availabilityZone></item>" for row in rows[offset:offset + size])
            token = f"page-{offset + size}" if offset + size < len(rows) else ""
            return (
                '<?xml version="1.0" encoding="UTF-8"?><DescribeSpotPriceHistoryResponse '
                'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>prices</requestId><spotPriceHistorySet>'
                f"{items}</spotPriceHistorySet><nextToken>{token}</nextToken></DescribeSpotPriceHistoryResponse>")

        moto = DomainDispatcherApplication(create_backend_app)
        allowed = lambda *actions: json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]})

        def client(service, key="AKIAIOSFODNN7EXAMPLE", secret="none"):
            return boto3.client(
                service, endpoint_url=f"http://127.0.0.1:{server.port}", region_name="us-east-1",
                aws_access_key_id=key, aws_secret_access_key=secret)

        def user(iam, name, *actions):
            iam.create_user(UserName=name)
            iam.put_user_policy(UserName=name, PolicyName="allowed", PolicyDocument=allowed(*actions))
            key = iam.create_access_key(UserName=name)["AccessKey"]
            return [key["AccessKeyId"], key["SecretAccessKey"]]

        def account(name):
            session = sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
            return {
                "full": user(iam, f"{name}-full", "ec2:*"),
                "reader": user(iam, f"{name}-reader", "ec2:Describe*"),
                "temporary": [session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]]}

        def control(path, value):
            key = value.get("key")
            with lock:
                if path == "/_test/faults":
                    faults.setdefault(key, []).extend(value["faults"])
                elif path == "/_test/clock":
                    clocks[key] = value["time"]
                elif path == "/_test/requests":
                    return requests.get(key, [])
            return account(value["name"]) if path == "/_test/accounts" else {}

        def drop(environ):
            environ["werkzeug.socket"].shutdown(2)
            raise ConnectionResetError()

        def respond(start_response, status, body, headers):
            body = body if isinstance(body, bytes) else body.encode()
            own = [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))]
            start_response(f"{status} Status", own + headers)
            return [body]

        def application(environ, start_response):
            if environ["PATH_INFO"].startswith("/_test/"):
                value = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
                return respond(start_response, 200, json.dumps(control(environ["PATH_INFO"], value)), [])
            match = re.search(r"Credential=(\\w+)/.*/(ec2|sts)/", environ.get("HTTP_AUTHORIZATION", ""))
            if not match:
                return moto(environ, start_response)
            key = match.group(1)
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            fields = parse_qs(body.decode(), keep_blank_values=True)
            parameters = {name: values[0] for name, values in fields.items()}
            action, token, fault = parameters.get("Action"), parameters.get("ClientToken"), None
            with lock:
                requests.setdefault(key, []).append(dict(parameters, date=environ.get("HTTP_X_AMZ_DATE", "")))
                for candidate in faults.get(key, []):
                    if candidate.get("action") in (None, action) and candidate["count"] > 0:
                        candidate["count"] -= 1
                        fault = candidate
                        break
                clock = clocks.get(key)
            kind = fault and fault["kind"]
            headers = []
            if clock is not None:
                headers = [("Date", format_datetime(datetime.fromtimestamp(clock, timezone.utc), usegmt=True))]
                sent = datetime.strptime(environ["HTTP_X_AMZ_DATE"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
                if abs(sent.timestamp() - clock) > 300:
                    return respond(start_response, 400, (
                        "<Response><Errors><Error><Code>RequestExpired</Code><Message>Request has expired.</Message>"
                        "</Error></Errors><RequestID>expired</RequestID></Response>"), headers)
            if kind == "response":
                return respond(
                    start_response, fault["status"], fault["body"] * fault.get("repeat", 1),
                    headers + [tuple(pair) for pair in fault.get("headers", {}).items()])
            if kind == "closed":
                drop(environ)
            if kind == "delayed":
                threading.Event().wait(fault["seconds"])
            if kind == "silent":
                threading.Event().wait()
            captured = []
            def capture(status, response_headers, exc_info=None):
                captured.append((status, response_headers))
            with lock:
                if action == "RunInstances" and token in launched:
                    status, response_headers, content = launched[token]
                else:
                    content = b"".join(moto(environ, capture))
                    status, response_headers = captured[-1]
                    if action == "RunInstances" and token and status.startswith("200"):
                        launched[token] = (status, response_headers, content)
            if kind == "lost":
                drop(environ)
            if action == "DescribeSpotPriceHistory" and status.startswith("200"):
                return respond(start_response, 200, history(parameters), headers)
            start_response(status, [pair for pair in response_headers if pair[0].lower() != "date"] + headers)
            return [content]

        class Handler(WSGIRequestHandler):
            def log(self, *arguments):
                pass

            def send_response(self, code, message=None):
                # Without a date: it is the one of the test.
                self.send_response_only(code, message)

        server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        iam = client("iam")
        administrator = user(iam, "administrator", "*")
        role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=allowed("sts:AssumeRole"))["Role"]["Arn"]
        iam.put_role_policy(RoleName="worker", PolicyName="allowed", PolicyDocument=allowed("ec2:*"))
        iam, sts = client("iam", *administrator), client("sts", *administrator)
        urllib.request.urlopen(urllib.request.Request(
            f"http://127.0.0.1:{server.port}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"},
            method="POST")).read()
        print(server.port, flush=True)
        # The process ends with the one that holds its standard input.
        sys.stdin.read()
        os._exit(0)
        """
}

// grpc-java on one channel: on 32 threads calls whose deadline ends while they start or run, beside
// healthy ones. Netty then sends HEADERS, RST_STREAM and the DATA that it had queued. Not one
// healthy call may be lost. What run_client (tap.sh) says is printed.

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

public final class Deadlines {
	private static final int THREADS = 32;
	private static final int HEALTHY = 4;
	private static final int CALLS = 25; // healthy ones of each thread
	private static final int SHORT = 50; // at least as many with a deadline, of each thread
	// Some thousand cancelled calls a second: what every gateway under test can read. More would only lie
	// in the client's socket, and healthy calls behind it.
	private static final int PAUSE_MS = 10;

	private static final MethodDescriptor.Marshaller<byte[]> BYTES =
		new MethodDescriptor.Marshaller<>() {
		@Override
		public InputStream stream(byte[] message) {
			return new ByteArrayInputStream(message);
		}

		@Override
		public byte[] parse(InputStream stream) {
			try {
				return stream.readAllBytes();
			} catch (IOException e) {
				throw new UncheckedIOException(e);
			}
		}
	};

	private static final MethodDescriptor<byte[], byte[]> ISSUE_TOKEN =
		MethodDescriptor.<byte[], byte[]>newBuilder()
		.setType(MethodDescriptor.MethodType.UNARY)
		.setFullMethodName("m2m.v1.M2MClients/IssueToken")
		.setRequestMarshaller(BYTES)
		.setResponseMarshaller(BYTES)
		.build();

	// A protobuf field of type string, shorter than 128 bytes.
	private static void putField(ByteArrayOutputStream out, int number, String text) {
		byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
		out.write(number << 3 | 2);
		out.write(bytes.length);
		out.writeBytes(bytes);
	}

	private static byte[] request() {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		putField(out, 1, "client_credentials");
		putField(out, 2, System.getenv("M2M_CLIENT_ID"));
		putField(out, 3, System.getenv("M2M_CLIENT_SECRET"));
		return out.toByteArray();
	}

	private static Status.Code call(Channel channel, byte[] request, CallOptions options) {
		try {
			ClientCalls.blockingUnaryCall(channel, ISSUE_TOKEN, options, request);
			return Status.Code.OK;
		} catch (StatusRuntimeException e) {
			return e.getStatus().getCode();
		}
	}

	private static void count(Map<Status.Code, Integer> counts, Status.Code code) {
		synchronized (counts) {
			counts.merge(code, 1, Integer::sum);
		}
	}

	private static CallOptions within(long ms) {
		return CallOptions.DEFAULT.withDeadlineAfter(ms, TimeUnit.MILLISECONDS);
	}

	// True when every healthy call was answered, and every other one too or its deadline has passed.
	private static boolean run(Channel channel, byte[] request, int deadlineMs) throws Exception {
		Map<Status.Code, Integer> healthy = new TreeMap<>(), others = new TreeMap<>();
		AtomicBoolean over = new AtomicBoolean();
		ExecutorService threads = Executors.newFixedThreadPool(THREADS + HEALTHY);
		List<Future<?>> short_ = new ArrayList<>(), long_ = new ArrayList<>();
		for (int i = 0; i < THREADS; i++)
			short_.add(threads.submit(() -> {
				for (int n = 0; n < SHORT || !over.get(); n++) {
					count(others, call(channel, request, within(deadlineMs)));
					Thread.sleep(PAUSE_MS);
				}
				return null;
			}));
		for (int i = 0; i < HEALTHY; i++)
			long_.add(threads.submit(() -> {
				for (int n = 0; n < CALLS; n++)
					count(healthy, call(channel, request, within(60_000)));
			}));
		for (Future<?> one : long_)
			one.get();
		over.set(true);
		for (Future<?> one : short_)
			one.get();
		threads.shutdown();
		System.out.println(deadlineMs + " ms: healthy " + healthy + ", others " + others);
		others.keySet().removeAll(List.of(Status.Code.OK, Status.Code.DEADLINE_EXCEEDED));
		return healthy.equals(Map.of(Status.Code.OK, HEALTHY * CALLS)) && others.isEmpty();
	}

	public static void main(String[] args) throws Exception {
		Metadata headers = new Metadata();
		headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
			"Bearer " + System.getenv("M2M_ADMIN_TOKEN"));
		String[] target = System.getenv("M2M_GRPC").split(":");
		ManagedChannel open = NettyChannelBuilder.forAddress(target[0], Integer.parseInt(target[1]))
			.usePlaintext()
			.build();
		Channel channel = ClientInterceptors.intercept(open,
			MetadataUtils.newAttachHeadersInterceptor(headers));
		byte[] request = request();
		boolean good = true;
		for (int ms : new int[] {1, 5, 20}) {
			boolean passed = run(channel, request, ms);
			good &= passed;
			System.out.println((passed ? "ok - " : "not ok - ") + "no call is lost beside deadlines of " +
				ms + " ms on " + THREADS + " threads");
		}
		open.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
		System.exit(good ? 0 : 1);
	}
}

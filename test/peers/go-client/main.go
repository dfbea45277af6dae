// Checks of a running server by grpc-go with a codec that takes messages as bytes, so that no code is generated. Takes
// the server's address and prints a line for each check: "ok NAME", or "FAILED NAME: what was seen".
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	service      = "/inference.GRPCInferenceService"
	infer        = service + "/ModelInfer"
	streamInfer  = service + "/ModelStreamInfer"
	patience     = 20 * time.Second
	largestBytes = 64 << 20
)

// rawCodec passes messages through as they are.
type rawCodec struct{}

func (rawCodec) Name() string                  { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(bytes []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), bytes...)
	return nil
}

type tensor struct {
	name, datatype string
	shape          []uint64
	raw            []byte
}

func inferRequest(model string, inputs ...tensor) []byte {
	var request []byte
	request = protowire.AppendTag(request, 1, protowire.BytesType)
	request = protowire.AppendString(request, model)
	for _, input := range inputs {
		var encoded, shape []byte
		encoded = protowire.AppendTag(encoded, 1, protowire.BytesType)
		encoded = protowire.AppendString(encoded, input.name)
		encoded = protowire.AppendTag(encoded, 2, protowire.BytesType)
		encoded = protowire.AppendString(encoded, input.datatype)
		for _, extent := range input.shape {
			shape = protowire.AppendVarint(shape, extent)
		}
		encoded = protowire.AppendTag(encoded, 3, protowire.BytesType)
		encoded = protowire.AppendBytes(encoded, shape)
		request = protowire.AppendTag(request, 5, protowire.BytesType)
		request = protowire.AppendBytes(request, encoded)
	}
	for _, input := range inputs {
		request = protowire.AppendTag(request, 7, protowire.BytesType)
		request = protowire.AppendBytes(request, input.raw)
	}
	return request
}

// fields gives the values of every length-delimited field with that number.
func fields(message []byte, wanted protowire.Number) ([][]byte, error) {
	var values [][]byte
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		message = message[n:]
		if number == wanted && kind == protowire.BytesType {
			value, size := protowire.ConsumeBytes(message)
			if size < 0 {
				return nil, protowire.ParseError(size)
			}
			values = append(values, value)
			message = message[size:]
			continue
		}
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		message = message[size:]
	}
	return values, nil
}

// sums is a request of model simple: sixteen numbers from start, and sixteen times three.
func sums(start int32) []byte {
	first, second := make([]byte, 64), make([]byte, 64)
	for i := range int32(16) {
		binary.LittleEndian.PutUint32(first[4*i:], uint32(start+i))
		binary.LittleEndian.PutUint32(second[4*i:], 3)
	}
	shape := []uint64{1, 16}
	return inferRequest("simple", tensor{"INPUT0", "INT32", shape, first}, tensor{"INPUT1", "INT32", shape, second})
}

func checkSums(response []byte, start int32) error {
	outputs, err := fields(response, 6)
	if err != nil {
		return err
	}
	if len(outputs) != 2 || len(outputs[0]) != 64 || len(outputs[1]) != 64 {
		return fmt.Errorf("%d outputs in %d bytes", len(outputs), len(response))
	}
	for i := range int32(16) {
		sum := int32(binary.LittleEndian.Uint32(outputs[0][4*i:]))
		difference := int32(binary.LittleEndian.Uint32(outputs[1][4*i:]))
		if sum != start+i+3 || difference != start+i-3 {
			return fmt.Errorf("element %d of %d: %d and %d", i, start, sum, difference)
		}
	}
	return nil
}

type peer struct {
	connection *grpc.ClientConn
	dials      atomic.Int32
}

func (p *peer) call(ctx context.Context, method string, request []byte, options ...grpc.CallOption) ([]byte, error) {
	var response []byte
	err := p.connection.Invoke(ctx, method, &request, &response, options...)
	return response, err
}

func (p *peer) checkUnary(start int32, options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := p.call(ctx, infer, sums(start), options...)
	if err != nil {
		return err
	}
	return checkSums(response, start)
}

func (p *peer) live() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var header, trailer metadata.MD
	response, err := p.call(ctx, service+"/ServerLive", nil, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil {
		return err
	}
	if !bytes.Equal(response, []byte{8, 1}) {
		return fmt.Errorf("ServerLive is % x", response)
	}
	if kind := header.Get("content-type"); len(kind) != 1 || !strings.HasPrefix(kind[0], "application/grpc") {
		return fmt.Errorf("content-type is %q", kind)
	}
	return nil
}

func (p *peer) concurrent() error {
	var waiting sync.WaitGroup
	failures := make(chan error, 200)
	for i := range int32(200) {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			for round := range int32(5) {
				if err := p.checkUnary(1000*i + round); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	waiting.Wait()
	close(failures)
	if len(failures) > 0 {
		return fmt.Errorf("%d of 200 failed: %w", len(failures), <-failures)
	}
	if dials := p.dials.Load(); dials != 1 {
		return fmt.Errorf("took %d connections", dials)
	}
	return nil
}

func (p *peer) open(ctx context.Context, options ...grpc.CallOption) (grpc.ClientStream, error) {
	description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	return p.connection.NewStream(ctx, description, streamInfer, options...)
}

func exchange(stream grpc.ClientStream, start int32) error {
	request := sums(start)
	if err := stream.SendMsg(&request); err != nil {
		return err
	}
	return receive(stream, start)
}

func receive(stream grpc.ClientStream, start int32) error {
	var response []byte
	if err := stream.RecvMsg(&response); err != nil {
		return err
	}
	answers, err := fields(response, 2)
	if err != nil {
		return err
	}
	if len(answers) != 1 {
		return fmt.Errorf("a stream's message without an answer: %q", response)
	}
	return checkSums(answers[0], start)
}

func (p *peer) stream(options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := p.open(ctx, options...)
	if err != nil {
		return err
	}
	for i := range int32(50) {
		if err := exchange(stream, i); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var rest []byte
	if err := stream.RecvMsg(&rest); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the half-close: %v", err)
	}
	return nil
}

func wantCode(err error, wanted codes.Code) error {
	if code := status.Code(err); code != wanted {
		return fmt.Errorf("expected %v, saw %v", wanted, err)
	}
	return nil
}

// deadline lets a stream run into its deadline between two messages.
func (p *peer) deadline() error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	stream, err := p.open(ctx)
	if err != nil {
		return err
	}
	if err := exchange(stream, 7); err != nil {
		return err
	}
	if err := wantCode(receive(stream, 0), codes.DeadlineExceeded); err != nil {
		return err
	}
	if took := time.Since(started); took > 3*time.Second {
		return fmt.Errorf("took %v", took)
	}
	return p.checkUnary(1)
}

// passed sends a call whose deadline is as good as over.
func (p *peer) passed() error {
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Microsecond)
		_, err := p.call(ctx, infer, sums(0))
		cancel()
		if err != nil && status.Code(err) != codes.DeadlineExceeded {
			return err
		}
	}
	return p.checkUnary(2)
}

func (p *peer) cancelled() error {
	for i := range int32(100) {
		ctx, cancel := context.WithCancel(context.Background())
		stream, err := p.open(ctx)
		if err == nil {
			err = exchange(stream, i)
		}
		cancel()
		if err != nil {
			return err
		}
		if err := wantCode(receive(stream, 0), codes.Canceled); err != nil {
			return err
		}
	}
	return p.checkUnary(3)
}

func (p *peer) large(options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	text := make([]byte, 4<<20)
	for i := range text {
		text[i] = byte('a' + i*i%23)
	}
	raw := append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)
	request := inferRequest("simple_identity", tensor{"INPUT0", "BYTES", []uint64{1, 1}, raw})
	response, err := p.call(ctx, infer, request, options...)
	if err != nil {
		return err
	}
	outputs, err := fields(response, 6)
	if err != nil {
		return err
	}
	if len(outputs) != 1 || !bytes.Equal(outputs[0], raw) {
		return fmt.Errorf("%d outputs in %d bytes are not what was sent", len(outputs), len(response))
	}
	return nil
}

func (p *peer) unknownModel() error {
	_, err := p.call(context.Background(), infer, inferRequest("no such model – nowhere"))
	if err := wantCode(err, codes.NotFound); err != nil {
		return err
	}
	if message := status.Convert(err).Message(); message == "" {
		return errors.New("NOT_FOUND without a message")
	}
	return nil
}

func (p *peer) unknownMethod() error {
	_, err := p.call(context.Background(), service+"/NoSuchMethod", nil)
	return wantCode(err, codes.Unimplemented)
}

func (p *peer) health() error {
	response, err := p.call(context.Background(), "/grpc.health.v1.Health/Check", nil)
	if err == nil && !bytes.Equal(response, []byte{8, 1}) {
		err = fmt.Errorf("the answer is % x", response)
	}
	return err
}

func main() {
	p := &peer{}
	dial := func(ctx context.Context, address string) (net.Conn, error) {
		p.dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	connection, err := grpc.NewClient("passthrough:///"+os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dial),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(largestBytes)))
	if err != nil {
		fmt.Printf("FAILED connecting: %v\n", err)
		os.Exit(1)
	}
	p.connection = connection
	zipped := grpc.UseCompressor(gzip.Name)
	checks := []struct {
		name string
		run  func() error
	}{
		{"ServerLive with its headers", p.live},
		{"health", p.health},
		{"inference", func() error { return p.checkUnary(10) }},
		{"200 calls at once, five times, on one connection", p.concurrent},
		{"a stream of 50 inferences", func() error { return p.stream() }},
		{"gzip, inference", func() error { return p.checkUnary(20, zipped) }},
		{"gzip, a stream of 50 inferences", func() error { return p.stream(zipped) }},
		{"gzip, a message of 4 MB and back", func() error { return p.large(zipped) }},
		{"a message of 4 MB and back", func() error { return p.large() }},
		{"a stream whose deadline passes", p.deadline},
		{"calls whose deadline is over at once", p.passed},
		{"100 streams that are cancelled", p.cancelled},
		{"an unknown model", p.unknownModel},
		{"an unknown method", p.unknownMethod},
		{"still one connection", func() error {
			if dials := p.dials.Load(); dials != 1 {
				return fmt.Errorf("it took %d", dials)
			}
			return nil
		}},
	}
	for _, check := range checks {
		if err := check.run(); err != nil {
			fmt.Printf("FAILED %s: %s\n", check.name, strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Printf("ok %s\n", check.name)
		}
	}
}
